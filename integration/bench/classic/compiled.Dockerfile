# The classic image with byte code, as the payload has it: the same server,
# unsealed on Debian.
ARG CLASSIC
FROM $CLASSIC
RUN python3.13 -m compileall -qq -j 0 --invalidation-mode unchecked-hash /usr/lib/python3.13 /openhands || true
