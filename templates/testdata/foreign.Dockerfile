# Deps image: OpenHands 0.62.0, action-execution-server, linux/arm64.
FROM --platform=linux/amd64 debian:trixie-slim AS builder
ENV DEBIAN_FRONTEND=noninteractive LANG=C.UTF-8
RUN --mount=type=bind,source=stage1/builder.sh,target=/stage1/builder.sh \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/builder.sh"]

FROM builder AS foreign
RUN --mount=type=bind,source=stage1/unpack.sh,target=/stage1/unpack.sh \
    --mount=type=cache,id=oh-apt-arm64,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/unpack.sh", "arm64"]

FROM builder AS builder-python
RUN --mount=type=bind,source=stage1/packages.sh,target=/stage1/packages.sh \
    --mount=type=cache,id=oh-apt-python,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/packages.sh", "python3.13", "python3.13-venv"]
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=builder/python,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=cache,id=oh-cache-python,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh"]

FROM builder AS builder-uv
RUN --mount=type=bind,source=stage1/packages.sh,target=/stage1/packages.sh \
    --mount=type=cache,id=oh-apt-uv,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/packages.sh", "python3.13", "python3.13-venv"]
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=builder/uv,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=cache,id=oh-cache-uv,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh"]

FROM builder AS builder-node
RUN --mount=type=bind,source=stage1/packages.sh,target=/stage1/packages.sh \
    --mount=type=cache,id=oh-apt-node,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/packages.sh", "python3.13", "python3.13-venv"]
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=builder/node,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=cache,id=oh-cache-node,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh"]

FROM foreign AS component-python
RUN --mount=type=bind,source=stage1/packages.sh,target=/stage1/packages.sh \
    --mount=type=cache,id=oh-apt-python,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/packages.sh", "python3.13"]
RUN --mount=type=bind,source=stage1/unpack.sh,target=/stage1/unpack.sh \
    --mount=type=cache,id=oh-apt-arm64-python,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/unpack.sh", "arm64", "python3.13", "python3.13-venv"]
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=stage1/for-target.sh,target=/stage1/for-target.sh \
    --mount=type=bind,source=components/python,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=cache,id=oh-cache-python,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh", "arm64"]

FROM foreign AS component-uv
RUN --mount=type=bind,source=stage1/packages.sh,target=/stage1/packages.sh \
    --mount=type=cache,id=oh-apt-uv,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/packages.sh", "python3.13", "python3.13-venv"]
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=stage1/for-target.sh,target=/stage1/for-target.sh \
    --mount=type=bind,source=components/uv,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=cache,id=oh-cache-uv,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh", "arm64"]

FROM foreign AS component-node
RUN --mount=type=bind,source=stage1/packages.sh,target=/stage1/packages.sh \
    --mount=type=cache,id=oh-apt-node,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/packages.sh", "python3.13", "python3.13-venv"]
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=stage1/for-target.sh,target=/stage1/for-target.sh \
    --mount=type=bind,source=components/node,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=cache,id=oh-cache-node,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh", "arm64"]

FROM foreign AS component-vscode
RUN --mount=type=bind,source=stage1/packages.sh,target=/stage1/packages.sh \
    --mount=type=cache,id=oh-apt-vscode,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/packages.sh", "g++", "g++-aarch64-linux-gnu", "make", "python3"]
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=stage1/for-target.sh,target=/stage1/for-target.sh \
    --mount=type=bind,source=components/vscode,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=bind,from=builder-node,source=/libs,target=/needs/node \
    --mount=type=bind,from=builder-node,source=/out/openhands/node,target=/openhands/node \
    --mount=type=cache,id=oh-cache-vscode,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh", "arm64"]

FROM foreign AS component-openhands
ENV OPENHANDS_VERSION=0.62.0
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=stage1/for-target.sh,target=/stage1/for-target.sh \
    --mount=type=bind,source=components/openhands,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=bind,from=builder-python,source=/libs,target=/needs/python \
    --mount=type=bind,from=builder-python,source=/out/openhands/python,target=/openhands/python \
    --mount=type=cache,id=oh-cache-openhands,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh", "arm64"]

FROM foreign AS component-action-execution-server
RUN --mount=type=bind,source=stage1/packages.sh,target=/stage1/packages.sh \
    --mount=type=cache,id=oh-apt-action-execution-server,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/packages.sh", "git"]
RUN --mount=type=bind,source=stage1/unpack.sh,target=/stage1/unpack.sh \
    --mount=type=cache,id=oh-apt-arm64-action-execution-server,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/unpack.sh", "arm64", "libstdc++6"]
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=stage1/for-target.sh,target=/stage1/for-target.sh \
    --mount=type=bind,source=components/action-execution-server,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=bind,from=builder-node,source=/libs,target=/needs/node \
    --mount=type=bind,from=builder-node,source=/out/openhands/node/bin/node,target=/openhands/node/bin/node \
    --mount=type=bind,from=component-openhands,source=/out/openhands/code/poetry.lock,target=/openhands/code/poetry.lock \
    --mount=type=bind,from=builder-python,source=/libs,target=/needs/python \
    --mount=type=bind,from=builder-python,source=/out/openhands/python,target=/openhands/python \
    --mount=type=bind,from=builder-uv,source=/libs,target=/needs/uv \
    --mount=type=bind,from=builder-uv,source=/out/openhands/bin/uv,target=/openhands/bin/uv \
    --mount=type=cache,id=oh-cache-action-execution-server,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh", "arm64"]

FROM foreign AS component-core
RUN --mount=type=bind,source=stage1/unpack.sh,target=/stage1/unpack.sh \
    --mount=type=cache,id=oh-apt-arm64-core,target=/var/cache/apt/archives,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=apt,target=/run/secrets/apt \
    ["/bin/sh", "/stage1/unpack.sh", "arm64", "ca-certificates"]
RUN --mount=type=bind,source=stage1/component.sh,target=/stage1/component.sh \
    --mount=type=bind,source=stage1/for-target.sh,target=/stage1/for-target.sh \
    --mount=type=bind,source=components/core,target=/recipe \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=bind,source=tools/oh-wrappers,target=/tools/oh-wrappers \
    --mount=type=bind,source=helpers,target=/helpers \
    --mount=type=cache,id=oh-cache-core,target=/root/.cache,sharing=locked \
    --mount=type=secret,id=ca,target=/run/secrets/ca \
    --mount=type=secret,id=pip,target=/run/secrets/pip \
    --mount=type=secret,id=uv,target=/run/secrets/uv \
    --mount=type=secret,id=npm,target=/run/secrets/npm \
    --mount=type=secret,id=settings,target=/run/secrets/settings \
    ["/bin/sh", "/stage1/component.sh", "arm64"]

FROM builder AS libs
RUN --mount=type=bind,source=stage1/libs.sh,target=/stage1/libs.sh \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    --mount=type=bind,from=component-python,source=/libs,target=/libs/python \
    --mount=type=bind,from=component-uv,source=/libs,target=/libs/uv \
    --mount=type=bind,from=component-node,source=/libs,target=/libs/node \
    --mount=type=bind,from=component-vscode,source=/libs,target=/libs/vscode \
    --mount=type=bind,from=component-action-execution-server,source=/libs,target=/libs/action-execution-server \
    --mount=type=bind,from=component-core,source=/libs,target=/libs/core \
    --mount=type=bind,from=component-openhands,source=/libs,target=/libs/openhands \
    ["/bin/sh", "/stage1/libs.sh"]

FROM scratch AS settled
COPY --from=component-python /out/ /
COPY --from=component-uv /out/ /
COPY --from=component-node /out/ /
COPY --from=libs /out/ /
COPY --from=component-vscode /out/ /
COPY --from=component-action-execution-server /out/ /
COPY --from=component-core /out/ /

FROM builder AS check-settled
RUN --mount=type=bind,from=settled,source=/openhands,target=/openhands \
    --mount=type=bind,source=stage1/proof.sh,target=/stage1/proof.sh \
    --mount=type=bind,source=stage1/settled.sh,target=/stage1/settled.sh \
    ["/bin/sh", "/stage1/settled.sh"]

FROM settled AS payload
COPY --from=component-openhands /out/ /

FROM builder AS check
RUN --mount=type=bind,from=payload,source=/openhands,target=/openhands \
    --mount=type=bind,from=check-settled,source=/settled,target=/settled \
    --mount=type=bind,source=stage1/proof.sh,target=/stage1/proof.sh \
    --mount=type=bind,source=stage1/check.sh,target=/stage1/check.sh \
    --mount=type=bind,source=stage1/allow.txt,target=/stage1/allow.txt \
    --mount=type=bind,source=tools/oh-bundle,target=/tools/oh-bundle \
    ["/bin/sh", "/stage1/check.sh"]

FROM payload
COPY --from=check /manifest/ /
LABEL dev.openhands.kind="deps"
LABEL dev.openhands.version="0.62.0"
