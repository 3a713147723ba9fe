import { emptyPluginConfigSchema } from "clawdbot/plugin-sdk";

const DEFAULT_BASE_URL = "http://localhost:3000/v1";
const DEFAULT_MODEL_IDS = ["gpt-5.2", "claude-opus-4.5"] as const;

type Model = {
  id: string;
  name: string;
  api: "openai-completions";
  reasoning: boolean;
  input: Array<"text" | "image">;
  cost: Record<"input" | "output" | "cacheRead" | "cacheWrite", number>;
  contextWindow: number;
  maxTokens: number;
};

function completeUrl(typed: string): string {
  let url = typed.trim();
  while (url.endsWith("/")) url = url.slice(0, -1);
  return url.endsWith("/v1") ? url : `${url}/v1`;
}

function complain(typed: string): string | undefined {
  try {
    new URL(completeUrl(typed));
  } catch {
    return "Enter a valid URL";
  }
  return undefined;
}

function idsOf(typed: string): string[] {
  return Array.from(new Set(typed.split(/[\n,]/).map((each) => each.trim()).filter(Boolean)));
}

function describe(id: string): Model {
  return {
    id,
    name: id,
    api: "openai-completions",
    reasoning: false,
    input: ["text", "image"],
    cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 },
    contextWindow: 128_000,
    maxTokens: 8192,
  };
}

export default {
  id: "copilot-proxy",
  name: "Copilot Proxy",
  description: "Models of a local Copilot server",
  configSchema: emptyPluginConfigSchema(),
  register(api) {
    api.registerProvider({
      id: "copilot-proxy",
      label: "Copilot Proxy",
      docsPath: "/providers/models",
      auth: [
        {
          id: "local",
          label: "Local proxy",
          hint: "Address and models",
          kind: "custom",
          run: async (ctx) => {
            const typed = await ctx.prompter.text({
              message: "Copilot Proxy base URL",
              initialValue: DEFAULT_BASE_URL,
              validate: complain,
            });
            const listed = await ctx.prompter.text({
              message: "Model IDs (comma-separated)",
              initialValue: DEFAULT_MODEL_IDS.join(", "),
              validate: (text: string) => (idsOf(text).length > 0 ? undefined : "Enter at least one model id"),
            });
            const ids = idsOf(listed);
            const ref = `copilot-proxy/${ids[0]}`;
            return {
              profiles: [
                {
                  profileId: "copilot-proxy:local",
                  credential: { type: "token", provider: "copilot-proxy", token: "n/a" },
                },
              ],
              configPatch: {
                models: {
                  providers: {
                    "copilot-proxy": {
                      baseUrl: completeUrl(typed),
                      apiKey: "n/a",
                      api: "openai-completions",
                      authHeader: false,
                      models: ids.map((id) => describe(id)),
                    },
                  },
                },
                agents: { defaults: { models: Object.fromEntries(ids.map((id) => [`copilot-proxy/${id}`, {}])) } },
              },
              defaultModel: ref,
              notes: ["Start the Copilot server first.", "The models come from your plan."],
            };
          },
        },
      ],
    });
  },
};
