"""Messages between processes: the bounded mailbox and who calls it."""
