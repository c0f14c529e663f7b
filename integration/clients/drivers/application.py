"""The sandbox service of OpenHands' application (openhands-ai), chosen and
configured by the environment as the application itself does: Docker's, or with
RUNTIME=remote that of a remote runtime and of Enterprise.

Conversations are held with the version of the SDK that the application brings.
"""

import asyncio
import contextlib

from openhands.app_server.config import get_global_config, get_httpx_client, get_sandbox_service
from openhands.app_server.sandbox.sandbox_models import AGENT_SERVER
from openhands.app_server.services.injector import InjectorState
from openhands.app_server.user.specifiy_user_context import ADMIN, USER_CONTEXT_ATTR
from openhands.sdk.workspace import RemoteWorkspace

import wire


@contextlib.contextmanager
def sandbox(_request):
    get_global_config().lifespan.run_alembic()  # the tables of a fresh installation
    with asyncio.Runner() as loop:
        state = InjectorState()
        setattr(state, USER_CONTEXT_ATTR, ADMIN)
        services = contextlib.AsyncExitStack()
        service = loop.run(services.enter_async_context(get_sandbox_service(state)))
        http = loop.run(services.enter_async_context(get_httpx_client(state)))
        try:
            wire.begin()
            started = loop.run(service.start_sandbox())
            try:
                # As start_app_conversation waits for it.
                running = loop.run(service.wait_for_sandbox_running(started.id, httpx_client=http))
                url = next(exposed.url for exposed in running.exposed_urls if exposed.name == AGENT_SERVER)
                with RemoteWorkspace(host=url, api_key=running.session_api_key, working_dir="/workspace/project") as workspace:
                    yield workspace
            finally:
                if not loop.run(service.delete_sandbox(started.id)):
                    raise RuntimeError(f"the application could not delete {started.id}")
        finally:
            loop.run(services.aclose())


wire.serve(sandbox)
