"""Acts at the window as all doors do them: one transaction, the clock of the database."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from api.http.daily import limits_of
from api.jobs.population import open_population
from api.runtime.bootstrap import Runtime
from archive.administration.policy import Reader
from archive.database.engine import database_now, writing
from archive.jobs.crashpoints import reach
from ingest.window.cases import Done, Tables, do_act
from ingest.window.closing import close_window_case
from ingest.window.decide import Asked
from ingest.window.known import Answers
from ingest.window.population import Guards, QueryWanted, ask_people, open_with_query
from ingest.window.terms import WindowAct


class ActWanted(BaseModel):
    """An act that is asked for over HTTP."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "description": "要办理的一步。",
            "examples": [{"act": "ACCEPT", "seen": 9, "data": {"opinion": "符合受理条件"}}],
        },
    )
    act: WindowAct = Field(description="办理的名称，见 docs/window.md")
    seen: int | None = Field(
        default=None, ge=1, description="所看到的最后一条办理记录的序号；之后有人办理的，不作更改"
    )
    data: dict[str, Any] = Field(default={}, description="办理的内容")


def tables_of(runtime: Runtime) -> Tables:
    """Return the tables that the acts stand on."""
    return Tables(runtime.organisations, runtime.catalogue)


def open_at_window(runtime: Runtime, actor: Reader, key: str, data: Mapping[str, Any]) -> Done:
    """Open a case, having asked the population system for its people."""
    done = open_with_query(
        runtime.engine,
        actor,
        asked=Asked(WindowAct.OPEN, key, data=data),
        tables=tables_of(runtime),
        population=open_population(runtime.settings),
        limits=limits_of(runtime.settings, actor),
    )
    reach("window-committed")
    return done


def ask_at_window(
    runtime: Runtime, actor: Reader, item: str, id_numbers: tuple[str, ...]
) -> Answers:
    """Ask the population system for people whose case is to be opened."""
    guards = Guards(runtime.organisations, runtime.catalogue, limits_of(runtime.settings, actor))
    return ask_people(
        runtime.engine,
        actor,
        population=open_population(runtime.settings),
        wanted=QueryWanted(item, id_numbers),
        guards=guards,
    )


def act_at_window(runtime: Runtime, actor: Reader, case_no: str, asked: Asked) -> Done:
    """Do an act on a case, in a transaction of its own."""
    act = close_window_case if asked.act is WindowAct.CLOSE else do_act
    with writing(runtime.engine) as session:
        done = act(
            session,
            actor,
            case_no=case_no,
            asked=asked,
            tables=tables_of(runtime),
            now=database_now(session),
        )
    reach("window-committed")
    return done
