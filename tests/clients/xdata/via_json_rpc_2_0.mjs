// json-rpc-2.0 1.8.1 with Node's fetch as its transport: integer ids; `expires_in: null` goes out as it is.
//
// Usage: via_json_rpc_2_0.mjs CREDENTIALS.json
import { main, published } from '../tap.mjs';
import { outline, PATH, refused } from './outline.mjs';

const { createJSONRPCNotification, createJSONRPCRequest, JSONRPCClient } = published('json-rpc-2.0');

const WAIT_MS = 5_000;

class Client {
  nextId = 1000; // of the requests in a batch, whose ids the caller chooses

  constructor({ listen }, headers) {
    this.rpc = new JSONRPCClient(async (message) => {
      const answer = await fetch(`http://${listen}${PATH}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify(message),
        signal: AbortSignal.timeout(WAIT_MS),
      });
      if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
      const text = await answer.text();
      this.lastText = text;
      if (text !== '') this.rpc.receive(JSON.parse(text));
    });
  }

  async call(method, params) {
    try {
      return await this.rpc.timeout(WAIT_MS).request(method, params);
    } catch (error) {
      const status = /^HTTP (\d+)$/.exec(error.message); // this client hands a failed transport on as code 0
      if (error.code === undefined) throw error;
      return refused(status ? Number(status[1]) : error.code);
    }
  }

  async notify(method, params) {
    this.lastText = undefined;
    await this.rpc.requestAdvanced(createJSONRPCNotification(method, params)); // hides a failed transport
    if (this.lastText === undefined) throw new Error('the notification was not taken');
    if (this.lastText !== '') throw new Error(`a notification was answered: ${this.lastText}`);
  }

  async batch(calls) {
    const requests = calls.map(({ method, params, quiet }) =>
      quiet ? createJSONRPCNotification(method, params) : createJSONRPCRequest(this.nextId++, method, params),
    );
    const answers = await this.rpc.timeout(WAIT_MS).requestAdvanced(requests);
    return answers.map((answer) => (answer.error ? refused(answer.error.code) : answer.result));
  }
}

await main((tap, credentials) => outline(tap, credentials, Client));
