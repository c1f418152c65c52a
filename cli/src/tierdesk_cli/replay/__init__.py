"""Replaying the export of another desk: what it says happened, posted and acted out on ours."""
