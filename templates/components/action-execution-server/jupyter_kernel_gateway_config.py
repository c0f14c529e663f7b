# For the gateway between OpenHands and the kernels of notebooks.
import asyncio
import collections

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class OrderedConnection(ZMQChannelsWebsocketConnection):
    """Sends the reply to a cell after everything that the cell has printed.

    The two come from the kernel over two connections, in either order. OpenHands
    stops listening at the reply, and a cell whose output comes later counts as
    silent. A kernel reports that it is idle over the connection of the output,
    as the last message of a cell: the reply waits for that one.
    """

    limit = 10  # seconds; the kernel drops messages that nobody takes

    def __init__(self, *args, **named):
        super().__init__(*args, **named)
        self._ended = collections.deque(maxlen=100)  # cells whose reply is still to come
        self._held = {}  # replies, by cell

    def handle_outgoing_message(self, stream, outgoing_msg):
        _, parts = self.session.feed_identities(outgoing_msg)
        header, parent = (self.session.unpack(part) for part in parts[1:3])
        cell = parent.get("msg_id")
        if header["msg_type"] == "execute_reply" and cell not in self._ended:
            self._held[cell] = stream, outgoing_msg
            asyncio.get_running_loop().call_later(self.limit, self._release, cell)
            return
        super().handle_outgoing_message(stream, outgoing_msg)
        if (
            header["msg_type"] == "status"
            and parent.get("msg_type") == "execute_request"
            and self.session.unpack(parts[4])["execution_state"] == "idle"
        ):
            self._ended.append(cell)
            self._release(cell)

    def _release(self, cell):
        if cell in self._held:
            super().handle_outgoing_message(*self._held.pop(cell))


c.KernelGatewayApp.kernel_websocket_connection_class = OrderedConnection
