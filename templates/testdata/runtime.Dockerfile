# The runtime image as a Dockerfile: what the assembly makes without running
# anything, for builders that can only run Dockerfiles.
FROM example.org/runtime:oh_deps_v0.62.0_0123456789abcdef AS deps

FROM alpine:3.20
# By number: scratch has no name for it until the set-up is done.
USER 0:0
COPY --from=deps /openhands /openhands
RUN ["/openhands/bin/oh-init", "setup", "--user", "openhands:1000"]
# But for PATH, what the base sets stays.
ENV PATH="/openhands/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/openhands/fallback/bin"
ENV POETRY_VIRTUALENVS_PATH="/openhands/poetry"
ENV MAMBA_ROOT_PREFIX="/openhands/micromamba"
ENV PLAYWRIGHT_BROWSERS_PATH="/openhands/browser/ms-playwright"
ENV OPENVSCODE_SERVER_ROOT="/openhands/.openvscode-server"
ENV LANG="C.UTF-8"
ENV GIT_EDITOR="code --wait"
ENV VISUAL="code"
ENV EDITOR="code"
USER root
WORKDIR /workspace
EXPOSE 8000
# Those of the base are for its own main process. Other settings of a base that
# would do harm here, such as VOLUME /openhands, no instruction takes away:
# docker openhands builds this file from an image without them.
STOPSIGNAL SIGTERM
HEALTHCHECK NONE
ENTRYPOINT ["/openhands/bin/oh-init","--"]
CMD ["/openhands/bin/oh-action-execution-server"]
LABEL dev.openhands.kind="runtime"
