/** Live streams: what they are made of, and a look at them. */
import { useState } from "preact/hooks";
import { key } from "./feed.ts";
import { codec, count, duration, publicAddress, rate } from "./format.ts";
import { Empty, Facts, Spark, useNow, useSeen } from "./parts.tsx";
import { Preview } from "./preview.tsx";
import type { Place, Stream } from "./types.ts";

export function Streams({ place, streams }: { place: Place; streams: Stream[] }) {
  if (streams.length === 0) return <Empty>Nothing is published here now.</Empty>;
  return (
    <ul class="streams">
      {streams.map((s) => (
        <One key={s.name} place={place} stream={s} />
      ))}
    </ul>
  );
}

const picture = ({ width, height, fps }: NonNullable<Stream["video"]>): string => [width && height ? `${width} × ${height}` : "", fps ? `${Math.round(fps * 100) / 100} fps` : ""].filter(Boolean).join(", ");

const channels = (n: number): string => (n === 0 ? "" : n === 1 ? "mono" : n === 2 ? "stereo" : `${n} channels`);

function One({ place, stream }: { place: Place; stream: Stream }) {
  const { rates, state } = useSeen();
  const now = useNow();
  const [shown, show] = useState(false);
  const { video, audio } = stream;
  const web = publicAddress(state?.server);
  const page = `${web}/-/watch/${[place.application, place.instance, stream.name].map((s) => s.split("/").map(encodeURIComponent).join("/")).join("/")}`;
  return (
    <li class={`card stream ${shown ? "watched" : ""}`} aria-label={`Stream ${stream.name}`}>
      <div class="stream-head">
        <h2>{stream.name}</h2>
        <span class="badge live">live for {duration((now - stream.since) / 1000)}</span>
        {stream.recording && <span class="badge rec">recording</span>}
      </div>
      {shown && <Preview place={place} name={stream.name} />}
      <Facts
        of={[
          video ? ["Picture", <span title={video.codec}>{[codec(video.codec), picture(video)].filter(Boolean).join(", ")}</span>] : ["Picture", "none"],
          audio ? ["Sound", <span title={audio.codec}>{[codec(audio.codec), audio.rate ? `${audio.rate / 1000} kHz` : "", channels(audio.channels)].filter(Boolean).join(", ")}</span>] : ["Sound", "none"],
          [
            "Bit rate",
            <>
              {rate(stream.bitrate)} <Spark of={rates.get(`${key(place)}/${stream.name}`)} />
            </>,
          ],
          video ? ["Keyframes", stream.keyframes ? `every ${stream.keyframes.toFixed(1)} s` : "not yet known"] : undefined,
          ["Viewers", count(stream.viewers)],
          ["Delay", <span title="How much later the newest has come than the soonest, by the publisher's clock">{`${stream.delay} ms`}</span>],
          !!stream.publisher && ["Publisher", <code>{stream.publisher}</code>],
        ]}
      />
      <div class="buttons">
        <button type="button" aria-pressed={shown} onClick={() => show(!shown)}>
          {shown ? "Stop watching" : "Watch"}
          <span class="hidden"> {stream.name}</span>
        </button>
        {web !== "" && (
          <a class="button" href={page} target="_blank" rel="noreferrer">
            Page for viewers<span class="hidden"> of {stream.name}, in a new window</span>
          </a>
        )}
      </div>
    </li>
  );
}
