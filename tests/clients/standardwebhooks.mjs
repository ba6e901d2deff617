// Signs or verifies the body on standard input with the reference library of Standard Webhooks.
//
//   node standardwebhooks.mjs sign SECRET ID SECOND             writes the value of webhook-signature
//   node standardwebhooks.mjs verify SECRET ID SECOND SIGNATURE  exits 0 when it is good, 1 when it is not

import { readFileSync } from "node:fs";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

const [act, secret, id, second, signature] = process.argv.slice(2);
const body = readFileSync(0, "utf8");
const webhook = new Webhook(secret);

switch (act) {
  case "sign":
    process.stdout.write(webhook.sign(id, new Date(Number(second) * 1000), body));
    break;
  case "verify":
    try {
      webhook.verify(body, { "webhook-id": id, "webhook-timestamp": second, "webhook-signature": signature });
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) {
        throw error;
      }
      process.exitCode = 1;
    }
    break;
  default:
    process.stderr.write("usage: standardwebhooks.mjs sign|verify SECRET ID SECOND [SIGNATURE]\n");
    process.exitCode = 2;
}
