"""The faults that the archive must survive, and for each the test that injects it.

A fault without a test, or a test that is gone, fails here.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FAULTS: dict[str, tuple[str, ...]] = {
    "a crash at every named point": (
        "faults/test_crash_points.py::test_every_crash_point_is_killed_at_by_a_test",
    ),
    "killed again during recovery": (
        "faults/test_crash_points.py::test_a_worker_killed_again_while_it_recovers_loses_nothing",
    ),
    "killed by chance between any two steps": (
        (
            "faults/test_model.py::"
            "test_the_life_of_cases_with_kills_between_any_two_steps_is_what_the_model_says"
        ),
        "faults/test_kill.py::test_ten_kills_in_a_run_of_sixty_cases_change_nothing_in_the_end",
    ),
    "the same message ten times at once and out of order": (
        (
            "functional/test_distributed.py::"
            "test_the_same_message_ten_times_at_once_makes_nothing_twice"
        ),
    ),
    "a lease that expires while its worker lives": (
        (
            "faults/test_leases.py::"
            "test_a_worker_that_lives_on_after_its_lease_changes_nothing_of_what_the_next_one_made"
        ),
    ),
    "two nodes at once on one case": (
        "faults/test_leases.py::test_two_nodes_at_once_on_one_case_make_one_volume",
    ),
    "two beats at once, and a duty whose worker died": (
        (
            "functional/test_duties.py::"
            "test_two_beats_knocking_for_everything_at_once_have_one_effect_each"
        ),
        (
            "archive/jobs/test_duties.py::"
            "test_a_worker_that_is_known_to_be_gone_frees_its_turn_and_only_that"
        ),
    ),
    "clock steps": (
        (
            "faults/test_leases.py::"
            "test_a_clock_that_jumps_in_the_middle_of_a_volume_loses_and_doubles_nothing"
        ),
    ),
    "disk full": (
        (
            "faults/test_disk.py::"
            "test_a_disk_that_fills_up_at_any_step_loses_nothing_and_the_work_goes_on_afterwards"
        ),
    ),
    "read-only disk": (
        "faults/test_disk.py::test_a_disk_that_turns_read_only_is_named_and_nothing_is_lost",
    ),
    "store answers 500, 503, resets before, halfway, after": (
        (
            "faults/test_store_faults.py::"
            "test_a_write_that_fails_is_told_or_done_and_the_next_one_makes_it_whole_once"
        ),
        (
            "faults/test_store_faults.py::"
            "test_an_object_that_cannot_be_asked_for_is_not_said_to_be_missing"
        ),
        (
            "faults/test_store_faults.py::"
            "test_volumes_compiled_through_a_failing_store_are_whole_and_made_once"
        ),
    ),
    "store slow": ("faults/test_store_faults.py::test_a_slow_store_is_waited_for",),
    "truncated reads": (
        (
            "faults/test_store_faults.py::"
            "test_a_broken_read_gives_the_true_bytes_or_a_storage_error_never_others"
        ),
        "faults/test_store_faults.py::test_a_stream_that_is_changed_or_cut_is_found_at_its_end",
    ),
    "corrupt bytes on the way": (
        "faults/test_store_faults.py::test_a_flipped_bit_on_the_way_is_a_digest_mismatch",
    ),
    "a bit flipped in any stored object": (
        "contracts/test_blob_store.py::test_every_flipped_byte_of_a_local_package_is_found",
        (
            "faults/test_fixity.py::"
            "test_damage_is_named_freezes_the_volume_and_is_mended_from_the_second_store"
        ),
    ),
    "broker gone and back": (
        (
            "functional/test_distributed.py::"
            "test_a_broker_that_dies_under_load_and_comes_back_loses_nothing"
        ),
    ),
    "database connection lost inside a transaction": (
        (
            "faults/test_database_restart.py::"
            "test_what_was_not_committed_when_the_server_died_never_was"
        ),
        (
            "faults/test_database_restart.py::"
            "test_a_server_killed_at_any_commit_of_a_volume_leaves_one_that_is_finished_afterwards"
        ),
    ),
    "time-stamping authority down": (
        (
            "archive/signing/test_timestamps.py::"
            "test_an_authority_that_is_down_leaves_b_b_pending_and_b_lta_follows_as_a_revision"
        ),
    ),
    "time-stamping authority slow, or with a wrong imprint": (
        (
            "archive/signing/test_timestamps.py::"
            "test_a_faulty_authority_leaves_a_sound_b_b_volume_that_is_marked_pending"
        ),
    ),
    "time-stamps of an unknown authority": (
        (
            "archive/signing/test_timestamps.py::"
            "test_a_stamp_of_an_unknown_authority_is_refused_and_there_is_no_volume"
        ),
    ),
    "signer expired": ("archive/signing/test_seal.py::test_an_expired_seal_is_refused",),
    "signer not yet valid": (
        "archive/signing/test_seal.py::test_a_seal_that_has_not_begun_is_refused",
    ),
    "signer revoked": (
        (
            "archive/signing/test_seal.py::"
            "test_a_revoked_seal_is_refused_at_signing_and_found_at_validation"
        ),
    ),
    "session of the HSM lost": (
        (
            "archive/signing/test_seal_keys.py::"
            "test_a_lost_session_is_opened_anew_and_every_fonds_of_the_token_signs_again"
        ),
    ),
    "a journal row changed, deleted, reordered": (
        "faults/test_anchors.py::test_a_change_whose_digests_were_all_mended_is_found_at_its_entry",
    ),
    "the tail of the journal cut": (
        "faults/test_anchors.py::test_a_cut_tail_is_found_and_nothing_is_anchored_over_it",
    ),
    "the database restored from yesterday beside today's bucket": (
        (
            "faults/test_rebuild.py::"
            "test_a_database_of_yesterday_beside_the_bucket_of_today_is_found_and_replaced"
        ),
    ),
    "the index deleted": (
        (
            "search/test_follow.py::"
            "test_a_deleted_index_is_built_anew_by_the_follower_and_finds_the_same"
        ),
    ),
    "everything at once": (
        (
            "faults/test_drill.py::"
            "test_cases_through_two_nodes_under_kills_and_outages_are_all_accounted_for"
        ),
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_its_test(fault: str) -> None:
    for name in FAULTS[fault]:
        path, _, test = name.partition("::")
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        assert test in {
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)
        }, name
