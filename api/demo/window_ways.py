"""The ways that a simulated case may take, and what people try on it that they may not."""

from collections.abc import Callable, Mapping
from enum import StrEnum

from api.demo.window_play import WHY, Play
from archive.administration.policy import Role
from archive.reference.window_steps import Step
from ingest.window.refusals import RefusedActError
from ingest.window.terms import WindowAct


class Way(StrEnum):
    """How a case goes."""

    STRAIGHT = "STRAIGHT"
    CORRECTED = "CORRECTED"
    CORRECTED_AGAIN = "CORRECTED_AGAIN"
    STEPPED_BACK = "STEPPED_BACK"
    NOT_ACCEPTED = "NOT_ACCEPTED"
    NOT_APPROVED = "NOT_APPROVED"
    WITHDRAWN = "WITHDRAWN"
    EXTENDED = "EXTENDED"
    SPECIAL = "SPECIAL"
    LATE = "LATE"
    ILL_SCANNED = "ILL_SCANNED"


_SHARES: Mapping[Way, int] = {
    Way.STRAIGHT: 52,
    Way.CORRECTED: 10,
    Way.CORRECTED_AGAIN: 3,
    Way.STEPPED_BACK: 6,
    Way.NOT_ACCEPTED: 6,
    Way.NOT_APPROVED: 5,
    Way.WITHDRAWN: 4,
    Way.EXTENDED: 4,
    Way.SPECIAL: 4,
    Way.LATE: 4,
    Way.ILL_SCANNED: 2,
}


def way_of(play: Play) -> Way:
    """Draw the way of a case."""
    return play.random.choices(list(_SHARES), list(_SHARES.values()))[0]


def play_through(play: Play, until: Step = Step.CLOSED, way: Way | None = None) -> Way:
    """Play a case from its opening until it stands at a step; return the way it took.

    A case that ends otherwise stops at its close.
    """
    way = way or way_of(play)
    play.open()
    while play.state.step not in {until, Step.CLOSED}:
        _STEPS[play.state.step](play, way)
    return way


def _receive(play: Play, way: Way) -> None:
    if any(event["node"] == Step.RECEIVE for event in play.state.process):
        play.do(WindowAct.RECEIVE, play.clerk)  # it came back from the home station
        return
    if play.random.random() < 0.2:
        play.tries(WindowAct.RECEIVE, play.clerk)
    ill = 1 if way is Way.ILL_SCANNED else 0
    play.take_in(play.clerk, lambda name: not play.of_investigation(name), pages=ill)
    play.identify()
    play.sign()
    play.do(WindowAct.RECEIVE, play.clerk, {"opinion": "材料齐全，予以收件"})


def _transfer(play: Play, _way: Way) -> None:
    if play.random.random() < 0.1:
        play.tries(WindowAct.ACCEPT, play.clerk)
    play.do(WindowAct.TRANSFER, play.clerk, {"opinion": "流转至户籍地派出所"})


def _accept(play: Play, way: Way) -> None:
    if play.random.random() < 0.1:
        play.tries(WindowAct.ACCEPT, play.people.of(Role.AUXILIARY, play.home))
    corrected = play.state.corrections
    if way in {Way.CORRECTED, Way.CORRECTED_AGAIN} and not corrected:
        _correct(play)
    elif way is Way.NOT_ACCEPTED:
        play.do(WindowAct.REFUSE_ACCEPT, play.accepter, WHY)
    elif way is Way.EXTENDED and play.has_term and not _extended(play):
        play.do(WindowAct.EXTEND, play.chief, {"days": 5, "reason": "外省协查尚未回复"})
    else:
        play.do(WindowAct.ACCEPT, play.accepter, {"opinion": "符合受理条件"})


def _extended(play: Play) -> bool:
    return any(span.days for clock in play.state.clocks.values() for span in clock.spans)


def _correct(play: Play) -> None:
    """Ask for one material anew; the applicant brings it days later."""
    names = [paper.title for paper in play.state.papers.values() if "files" in paper.stated]
    chosen = play.random.choice(names)
    wanted = {"reason": "有一页看不清，请重新提供", "materials": [chosen]}
    who = play.reviewer if play.stands(Step.REVIEW) else play.accepter
    if play.state.corrections:
        play.tries(WindowAct.CORRECT, who, wanted)
        wanted["again"] = "首次补正后新发现缺页"
    play.do(WindowAct.CORRECT, who, wanted)
    play.later(days=play.random.randint(1, 6))
    play.tries(WindowAct.RESUBMIT, play.clerk)
    play.take_in(play.clerk, lambda name: name == chosen)
    play.sign()
    play.do(WindowAct.RESUBMIT, play.clerk)


def _investigate(play: Play, _way: Way) -> None:
    play.take_in(play.accepter, play.of_investigation)
    play.do(WindowAct.INVESTIGATE, play.accepter, {"opinion": "经调查核实，情况属实"})


def _review(play: Play, way: Way) -> None:
    numbers = {"materials": sorted(play.state.papers)}
    if play.random.random() < 0.15 and not play.state.shown:
        play.tries(WindowAct.TICK, play.reviewer, numbers)
    play.do(WindowAct.SHOW, play.reviewer, numbers)
    play.do(WindowAct.TICK, play.reviewer, numbers)
    if way is Way.CORRECTED_AGAIN and play.state.corrections == 1:
        _correct(play)
        return
    if way is Way.STEPPED_BACK and not play.state.returns:
        play.do(WindowAct.STEP_BACK, play.reviewer, {"reason": "受理意见不完整"})
        return
    specials = any(not span.days for clock in play.state.clocks.values() for span in clock.spans)
    if way is Way.SPECIAL and play.has_term and not specials:
        play.do(WindowAct.BEGIN_SPECIAL, play.chief, {"reason": "须作亲子关系鉴定"})
        play.later(days=12)
        play.do(WindowAct.END_SPECIAL, play.chief, {"opinion": "鉴定意见已收到"})
        return
    if way is Way.LATE and play.has_term and not play.state.urged:
        _late(play)
    play.do(WindowAct.REVIEW, play.reviewer, {"opinion": "材料与系统信息一致"})


def _late(play: Play) -> None:
    """Let the term run out; those above urge, supervise and are answered."""
    play.later(days=35)
    district = play.runtime.organisations.district_of(play.home).code
    above = play.people.of(Role.DISTRICT_SUPERVISOR, district)
    play.do(WindowAct.URGE, above, {"reason": "已超过承诺期限"})
    play.do(WindowAct.SUPERVISE, above, {"reason": "请说明超期原因"})
    play.later(days=2)
    play.do(WindowAct.ANSWER, play.chief, {"reason": "外省协查回复迟延，今日审核"})


def _approve(play: Play, way: Way) -> None:
    if play.random.random() < 0.1:
        play.tries(WindowAct.APPROVE, play.reviewer)
    if way is Way.NOT_APPROVED:
        play.do(WindowAct.REFUSE_APPROVE, play.approver(), WHY)
    elif way is Way.WITHDRAWN:
        play.do(WindowAct.WITHDRAW, play.clerk, {"reason": "申报人改期办理"})
    else:
        play.do(WindowAct.APPROVE, play.approver(), {"opinion": "同意办理"})


def _feedback(play: Play, _way: Way) -> None:
    play.do(WindowAct.FEEDBACK, play.accepter, {"opinion": "办理结果已反馈受理地"})


def _issue(play: Play, _way: Way) -> None:
    try:
        play.do(WindowAct.ISSUE, play.clerk, {"opinion": "已出件"})
    except RefusedActError:  # no authorisation yet, or it has run out
        play.refused += 1
        play.grant()


def _closing(play: Play, _way: Way) -> None:
    if play.random.random() < 0.6 and play.state.rating is None:
        play.do(WindowAct.RATE, play.clerk, {"score": play.random.randint(3, 5)})
    play.do(WindowAct.CLOSE, play.clerk)


def amend(play: Play) -> None:
    """Take in anew what the archive refused, let it be signed, and close the case again."""
    play.take_in(play.clerk, lambda name: not play.of_investigation(name))
    play.sign()
    play.do(WindowAct.CLOSE, play.clerk)


_STEPS: Mapping[Step, Callable[[Play, Way], None]] = {
    Step.RECEIVE: _receive,
    Step.TRANSFER: _transfer,
    Step.ACCEPT: _accept,
    Step.INVESTIGATE: _investigate,
    Step.REVIEW: _review,
    Step.APPROVE: _approve,
    Step.FEEDBACK: _feedback,
    Step.ISSUE: _issue,
    Step.CLOSING: _closing,
}
