/** What servers say of a connection, a stream or a shared object. */
export interface StatusInfo {
  /** "status", "warning" or "error". */
  level: string;
  /** As ActionScript had them: "NetConnection.Connect.Success". */
  code: string;
  /** For people. */
  description?: string;
  [name: string]: unknown;
}

/** A status that is the reason why something did not happen. */
export class StatusError extends Error {
  override name = "StatusError";
  constructor(
    /** All that the server said. */
    readonly info: StatusInfo,
  ) {
    const words = saidByScript(info);
    super(`${info.code}${info.description ? `: ${info.description}` : ""}${words ? ` ${words}` : ""}`);
  }
  /** Why, for people: what a script says of it, or else the server. */
  get reason(): string {
    return saidByScript(this.info) || this.info.description || this.info.code;
  }
  /** The code alone: "NetConnection.Connect.Rejected". */
  get code(): string {
    return this.info.code;
  }
}

/** What application.rejectConnection was given: a text, or, as most scripts have it, an object with one as message. */
function saidByScript({ application }: StatusInfo): string {
  const { message } = (typeof application === "object" && application !== null ? application : { message: application }) as { message?: unknown };
  return typeof message === "string" ? message : "";
}

/** Makes a status of this side's own. */
export const status = (level: string, code: string, description: string): StatusInfo => ({ level, code, description });

/** Makes an error of this side's own. */
export const failure = (code: string, description: string): StatusError => new StatusError(status("error", code, description));

/** Takes what came for a status, whatever it is. */
export function asStatus(value: unknown, code: string): StatusInfo {
  const given = (typeof value === "object" && value !== null ? value : {}) as Partial<StatusInfo>;
  const text = typeof value === "string" ? value : undefined;
  const info = { ...given } as StatusInfo;
  info.level = typeof given.level === "string" ? given.level : "error";
  info.code = typeof given.code === "string" ? given.code : code;
  if (text !== undefined) info.description = text;
  return info;
}
