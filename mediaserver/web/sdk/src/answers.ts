import { status, StatusError, type StatusInfo } from "./status.ts";

/** What is answered by a status. */
export type Asked = "play" | "publish" | "unpublish" | "pause" | "seek";

interface Waiter {
  /** The stream that the answer must be of; undefined: any. */
  name: string | undefined;
  resolve(info: StatusInfo): void;
  reject(error: StatusError): void;
}

/** Commands of a NetStream that wait for the status which answers them: one of each kind. */
export class Answers {
  private readonly waiting = new Map<Asked, Waiter>();

  /** Waits; what was asked before and is not answered yet is given up. */
  wait(what: Asked, name?: string): Promise<StatusInfo> {
    this.reject(what, status("error", "NetStream.Failed", "asked again"));
    return new Promise((resolve, reject) => this.waiting.set(what, { name, resolve, reject }));
  }

  /** It has happened; what another stream's play had is not for this one's. */
  resolve(what: Asked, info: StatusInfo): void {
    const w = this.waiting.get(what);
    if (!w || (w.name !== undefined && typeof info.details === "string" && info.details !== w.name)) return;
    this.waiting.delete(what);
    w.resolve(info);
  }

  reject(what: Asked, info: StatusInfo): void {
    const w = this.waiting.get(what);
    this.waiting.delete(what);
    w?.reject(new StatusError(info));
  }

  /** None of them is answered any more. */
  rejectAll(reason: string): void {
    for (const what of [...this.waiting.keys()]) this.reject(what, status("error", "NetStream.Failed", reason));
  }
}
