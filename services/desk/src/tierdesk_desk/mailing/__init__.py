"""How mails leave: written in the reader's language, handed to a mail server, or laid into a folder."""
