"""What the drivers share: a client is asked for things by lines of JSON.

The first line of standard input holds what to start. Once that is healthy, the
driver answers with a line on standard output, and then with one for each
request: {"bash": COMMAND}, {"converse": MODEL, "tools": [NAME...]}. At the end
of the input the client stops what it started, and the driver says so.
Everything that the client prints goes to standard error.
"""

import json
import os
import sys
import time
import traceback

_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def answer(**fields):
    print(json.dumps(fields), file=_answers, flush=True)


def begin():
    """Starts the time that is told when the server is healthy. A driver that has
    to prepare its client before the client starts anything calls it again."""
    global _began
    _began = time.monotonic()


def serve(start):
    """Serves with what start makes of the first request: a context manager
    that enters, as a workspace of the SDK, when the server is healthy."""
    try:
        request = json.loads(sys.stdin.readline())
        begin()
        with start(request) as workspace:
            answer(seconds=time.monotonic() - _began, url=workspace.host, key=workspace.api_key)
            for line in sys.stdin:
                _carry_out(json.loads(line), workspace)
        answer(stopped=True)
    except BaseException:
        answer(error=traceback.format_exc())
        sys.exit(1)


def _carry_out(request, workspace):
    try:
        if "bash" in request:
            result = workspace.execute_command(request["bash"], timeout=60)
            answer(exit_code=result.exit_code, stdout=result.stdout, stderr=result.stderr)
        else:
            answer(status=_converse(workspace, request["converse"], request["tools"]))
    except Exception:
        answer(error=traceback.format_exc())


def _converse(workspace, model, tools):
    """Has an agent with the tools do what the model at the address says."""
    from openhands.sdk import LLM, Agent, Conversation, Tool

    # A client has to know the tools, as programs do that name their classes.
    import openhands.tools.browser_use
    import openhands.tools.terminal  # noqa: F401

    llm = LLM(usage_id="agent", model="openai/stand-in", base_url=model, api_key="none", num_retries=0)
    agent = Agent(llm=llm, tools=[Tool(name=name) for name in tools])
    conversation = Conversation(agent=agent, workspace=workspace, visualizer=None)
    try:
        conversation.send_message("Do it.")
        conversation.run(timeout=300)
        return conversation.state.execution_status.value
    finally:
        conversation.close()
