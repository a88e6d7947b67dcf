/** Recorded streams of an instance, or of all: to play, to take home, to delete. */
import { useEffect, useRef, useState } from "preact/hooks";
import { refusal } from "../../watch/ways.js";
import * as api from "./api.ts";
import { Dialog, useActs } from "./acts.tsx";
import { key } from "./feed.ts";
import { bytes, date, length } from "./format.ts";
import { Empty } from "./parts.tsx";
import { address } from "./route.ts";
import { Table, type Column } from "./table.tsx";
import type { Place, Recording } from "./types.ts";

/**
 * @param place undefined: all instances, also those that do not run
 * @param writing how many are being written: when that changes, the list has
 */
export function Recordings({ place, writing }: { place?: Place; writing: number }) {
  const { may, ask } = useActs();
  const [page, setPage] = useState<api.RecordingPage>();
  const [error, setError] = useState<string>();
  const [played, play] = useState<Recording>();
  const asked = useRef(0);

  /** Asks for the first page, or for the one after. */
  const load = async (after?: string): Promise<void> => {
    const mine = ++asked.current;
    try {
      const got = await api.recordings(place, after);
      if (mine !== asked.current) return;
      setError(undefined);
      setPage((was) => (after === undefined || !was ? got : { ...got, recordings: [...was.recordings, ...got.recordings] }));
    } catch (e) {
      if (mine === asked.current) setError((e as Error).message);
    }
  };
  useEffect(() => void load(), [writing]);

  const columns: Column<Recording>[] = [
    {
      name: "Recording",
      sort: (r) => (place ? r.name : whole(r)),
      cell: (r) => (
        <>
          {!place && (
            <a class="quiet" href={address({ place: r, part: "recordings" })}>
              {key(r)}/
            </a>
          )}
          <wbr />
          <span class="name">{r.name}</span>
          {r.recording && <span class="badge rec">recording</span>}
        </>
      ),
    },
    { name: "Length", numeric: true, sort: (r) => r.seconds ?? -1, cell: (r) => (r.seconds === null ? "–" : length(r.seconds)) },
    { name: "Size", numeric: true, sort: (r) => r.bytes, cell: (r) => bytes(r.bytes) },
    { name: "Changed", numeric: true, long: true, sort: (r) => r.modified, cell: (r) => date(Date.parse(r.modified)) },
    {
      name: "Play, download, delete",
      actions: true,
      cell: (r) => (
        <>
          <button type="button" class="small" onClick={() => play(r)}>
            Play<span class="hidden"> {r.name}</span>
          </button>
          <a class="button small" href={`${api.media(r, r.name, ".flv")}?download=1`} download>
            FLV<span class="hidden"> of {r.name}, download</span>
          </a>
          <a class="button small" href={`${api.media(r, r.name, ".mp4")}?download=1`} download>
            MP4<span class="hidden"> of {r.name}, download</span>
          </a>
          {may && (
            <button
              type="button"
              class="small"
              disabled={r.recording}
              onClick={() =>
                ask({
                  title: `Delete ${r.name}?`,
                  text: `The recording${r.seconds === null ? "" : ` of ${length(r.seconds)}`} (${bytes(r.bytes)}) is gone for good.`,
                  verb: "Delete",
                  do: async () => {
                    await api.removeRecording(r, r.name);
                    await load();
                  },
                  done: `${r.name} is deleted.`,
                })
              }
            >
              Delete…<span class="hidden"> {r.name}</span>
            </button>
          )}
        </>
      ),
    },
  ];
  return (
    <>
      {error && (
        <p class="error" role="alert">
          {error}
        </p>
      )}
      {page ? <Table caption={place ? `Recordings of ${key(place)}` : "Recordings of all instances"} columns={columns} rows={page.recordings} id={whole} empty={place ? "Nothing is recorded here." : "Nothing is recorded."} /> : !error && <Empty>Looking…</Empty>}
      <div class="buttons">
        {page?.after !== undefined && (
          <button type="button" onClick={() => void load(page.after)}>
            More
          </button>
        )}
        <button type="button" onClick={() => void load()}>
          Refresh
        </button>
      </div>
      {played && <Player recording={played} close={() => play(undefined)} />}
    </>
  );
}

const whole = (r: Recording): string => `${key(r)}/${r.name}`;

/** Plays a recording: as MP4, or by HLS where that cannot be. What neither can hold is not shown, and said. */
function Player({ recording, close }: { recording: Recording; close: () => void }) {
  const [error, setError] = useState<string>();
  const [left, setLeft] = useState("");
  const ways = ([".mp4", "/index.m3u8"] as const).map((how) => api.media(recording, recording.name, how));
  const failed = async (): Promise<void> => {
    try {
      const answer = await fetch(ways[1]!, { cache: "no-store" });
      setError(answer.ok ? "This browser cannot play it. Download it, and play it with a player of yours." : await refusal(answer));
    } catch {
      setError("The server cannot be reached.");
    }
  };
  const begins = async (url: string): Promise<void> => {
    const answer = await fetch(url, { method: "HEAD" }).catch(() => undefined);
    setLeft(answer?.headers.get("Flashpod-Left-Out") ?? "");
  };
  return (
    <Dialog title={recording.name} close={close} wide>
      <div class="screen">
        <video controls autoplay playsInline aria-label={`The recording ${recording.name}`} onLoadedMetadata={(e) => void begins(e.currentTarget.currentSrc)}>
          <source src={ways[0]} type="video/mp4" />
          <source src={ways[1]} type="application/vnd.apple.mpegurl" onError={() => void failed()} />
        </video>
        <p role="status">{error}</p>
      </div>
      <p class="quiet" role="status">
        {left && `Not shown here: ${left}. The FLV has it.`}
      </p>
      <div class="buttons">
        <button type="button" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
