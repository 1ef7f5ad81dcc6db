// jayson 5.0.0: UUID ids, `Content-Type: application/json; charset=utf-8`, a batch made of prepared requests.
//
// Usage: via_jayson.mjs CREDENTIALS.json
import { main, published } from '../tap.mjs';
import { outline, PATH, refused } from './outline.mjs';

const jayson = published('jayson');

const outcome = (answer) => (answer.error ? refused(answer.error.code) : answer.result);

class Client {
  constructor({ listen }, headers) {
    const [host, port] = listen.split(':');
    this.http = jayson.Client.http({ host, port, path: PATH, headers, timeout: 10_000 });
  }

  /** The parsed answer to `request`, undefined when the body was empty. */
  send(request) {
    return new Promise((resolve, reject) => {
      this.http.request(request, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  }

  async call(method, params) {
    const request = this.http.request(method, params);
    try {
      const answer = await this.send(request);
      if (answer.id !== request.id) throw new Error(`asked as ${request.id}, answered as ${answer.id}`);
      return outcome(answer);
    } catch (error) {
      if (typeof error.code === 'number') return refused(error.code); // the HTTP status
      throw error;
    }
  }

  async notify(method, params) {
    return this.send(this.http.request(method, params, null));
  }

  async batch(calls) {
    const requests = calls.map(({ method, params, quiet }) =>
      this.http.request(method, params, quiet ? null : undefined),
    );
    return (await this.send(requests)).map(outcome);
  }
}

await main((tap, credentials) => outline(tap, credentials, Client));
