"""HTTP: the API under ``/v1/notifications``, the hosted preference page, the mailbox page."""
