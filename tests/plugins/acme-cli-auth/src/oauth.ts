import { createHash, randomBytes } from "node:crypto";
import { createServer } from "node:http";

export const ISSUER = "https://auth.acme.example";
const CLIENT_ID = "acme-client";

export enum Step {
  Authorize,
  Exchange,
}

export class Flow {
  readonly verifier = randomBytes(32).toString("base64url");
  readonly state = randomBytes(16).toString("base64url");

  constructor(private readonly issuer: string) {}

  authorizeUrl(redirect: string): string {
    const challenge = createHash("sha256").update(this.verifier).digest("base64url");
    const query = new URLSearchParams({
      response_type: "code",
      client_id: CLIENT_ID,
      redirect_uri: redirect,
      state: this.state,
      code_challenge: challenge,
      code_challenge_method: "S256",
    });
    return `${this.issuer}/authorize?${query}`;
  }

  read(answer: string): string {
    const text = answer.trim();
    if (!text.includes("code=")) return text;
    const query = new URL(text, "http://127.0.0.1").searchParams;
    if (query.get("state") !== this.state) throw new Error("OAuth state mismatch");
    return query.get("code") ?? "";
  }

  async exchange(code: string, redirect: string) {
    const response = await fetch(`${this.issuer}/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "authorization_code",
        client_id: CLIENT_ID,
        code,
        redirect_uri: redirect,
        code_verifier: this.verifier,
      }),
    });
    const body = await response.json();
    if (!response.ok) throw new Error(`${Step[Step.Exchange]}: ${body.error}`);
    return body as { access_token: string; refresh_token: string; expires_in: number };
  }
}

export function waitForCallback(): Promise<{ redirect: string; url: Promise<string>; close: () => void }> {
  return new Promise((resolve, reject) => {
    let found: (url: string) => void;
    const url = new Promise<string>((done) => (found = done));
    const server = createServer((request, response) => {
      response.end("Thank you.");
      found(`http://127.0.0.1${request.url}`);
    });
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      resolve({ redirect: `http://127.0.0.1:${port}/callback`, url, close: () => server.close() });
    });
  });
}
