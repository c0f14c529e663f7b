"""The user's environment inside a server's, where oh-wrappers has put it aside."""

PARKED, MASKED, EXTRA, REST = (f"_OPENHANDS_{kind}_" for kind in ("PARKED", "MASKED", "EXTRA", "REST"))


def of_user(server, kept=()):
    """Returns the user's environment, PATH excepted.

    Of the server's own variables it keeps those that are named. A variable that
    the server has come by since counts more than one that was parked.
    """
    user = {}
    for name, value in server.items():
        if name.startswith(PARKED):
            original = name.removeprefix(PARKED)
            if original not in server:
                user[original] = value + server.get(REST + original, "")
        elif name.startswith(MASKED):
            original = name.removeprefix(MASKED)
            user[original] = server.get(original, "") if original in kept else value + server.get(REST + original, "")
        elif name in kept or not (name.startswith((EXTRA, REST)) or MASKED + name in server or EXTRA + name in server):
            user[name] = value
    return user


def keep_aside(server, before):
    """Makes the variables that came or changed since before the server's own."""
    for name in list(server):
        if name not in before:
            if PARKED + name in server:
                server[MASKED + name] = server.pop(PARKED + name)
            else:
                server[EXTRA + name] = ""
        elif server[name] != before[name] and MASKED + name not in server and EXTRA + name not in server:
            server[MASKED + name] = before[name]
