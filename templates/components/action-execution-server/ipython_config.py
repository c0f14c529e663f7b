# The payload is read-only, so %pip installs into the user's own site folder.
# Python looks there only if the folder exists when it starts: a notebook's
# kernel starts long before its first %pip.
import os
import site

if site.ENABLE_USER_SITE:
    try:
        os.makedirs(site.getusersitepackages(), exist_ok=True)
    except OSError:
        pass
    else:
        site.addsitedir(site.getusersitepackages())
