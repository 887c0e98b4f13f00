"""The population system that the window asks, by the settings."""

from api.runtime.settings import Settings
from ingest.sources.population import Population, PopulationSystem

_TRIES_AT_WINDOW = 1


def open_population(settings: Settings) -> Population | None:
    """Open the population system for a person who waits; None where no settings name one.

    It is asked twice at most, each time for as long as the settings allow.
    """
    if not settings.population_url:
        return None
    return PopulationSystem(
        settings.population_url,
        key=settings.population_key.get_secret_value(),
        rate=settings.source_rate,
        timeout=settings.population_timeout,
        tries=_TRIES_AT_WINDOW,
    )
