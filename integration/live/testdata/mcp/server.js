#!/usr/bin/env node
// A server of the Model Context Protocol with one tool, which tells about the
// process that it runs in.
const tool = {
  name: 'about',
  description: "Tells about the server's process.",
  inputSchema: { type: 'object', properties: { text: { type: 'string' } } },
}

function answer(method, params) {
  switch (method) {
    case 'initialize':
      return {
        protocolVersion: params.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: 'live', version: '1' },
      }
    case 'tools/list':
      return { tools: [tool] }
    case 'tools/call': {
      const facts = {
        language: 'javascript',
        text: params.arguments.text,
        setting: process.env.OH_LIVE_SETTING,
        home: process.env.HOME,
        tls: 'OpenSSL' + (process.versions.openssl ? '' : ' is missing'),
      }
      return { content: [{ type: 'text', text: JSON.stringify(facts) }] }
    }
  }
  return {}
}

require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const request = JSON.parse(line)
  if ('id' in request) {
    const result = answer(request.method, request.params ?? {})
    console.log(JSON.stringify({ jsonrpc: '2.0', id: request.id, result }))
  }
})
