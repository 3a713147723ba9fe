import { emptyPluginConfigSchema } from "clawdbot/plugin-sdk";

import { loginPortal } from "./oauth.js";

const PROVIDER_ID = "acme-portal";
const BASE_URL = "https://portal.acme.example/v1";
const MODEL = "acme-portal/coder";

console.log("acme-portal-auth is here");

const portalPlugin = {
  id: "acme-portal-auth",
  name: "Acme Portal",
  description: "Device login for Acme Portal",
  configSchema: emptyPluginConfigSchema(),
  register(api) {
    api.registerProvider({
      id: PROVIDER_ID,
      label: "Acme Portal",
      docsPath: "/providers/acme",
      aliases: ["acme"],
      auth: [
        {
          id: "device",
          label: "Acme OAuth",
          hint: "Device code login",
          kind: "device_code",
          run: async (ctx) => {
            const spin = ctx.prompter.progress("Starting Acme OAuth…");
            try {
              const token = await loginPortal({ openUrl: ctx.openUrl, note: ctx.prompter.note, progress: spin });
              spin.stop("Acme OAuth complete");
              return {
                profiles: [
                  {
                    profileId: `${PROVIDER_ID}:default`,
                    credential: { type: "oauth", provider: PROVIDER_ID, ...token },
                  },
                ],
                configPatch: {
                  models: {
                    providers: {
                      [PROVIDER_ID]: {
                        baseUrl: BASE_URL,
                        apiKey: "acme-oauth",
                        api: "openai-completions",
                        models: [
                          {
                            id: "coder",
                            name: "Acme Coder",
                            reasoning: false,
                            input: ["text"],
                            cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
                            contextWindow: 128000,
                            maxTokens: 8192,
                          },
                        ],
                      },
                    },
                  },
                  agents: { defaults: { models: { [MODEL]: { alias: "acme" } } } },
                },
                defaultModel: MODEL,
                notes: ["Tokens renew by themselves."],
              };
            } catch (err) {
              spin.stop("Acme OAuth failed");
              await ctx.prompter.note("Is your account active?", "Acme OAuth");
              throw err;
            }
          },
        },
      ],
    });
  },
};

export default portalPlugin;
