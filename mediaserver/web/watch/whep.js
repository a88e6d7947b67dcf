/** WebRTC, which WHEP begins: the way with the least delay, for streams that are live and of which it leaves nothing out. */
import { notDefined } from "./ways.js";

/** Milliseconds after which it is tried anew: a random time between. */
const between = () => 2000 + Math.random() * 2000;
/** Milliseconds in which media is to come by UDP: where no packet gets through, another way does. */
const patience = 6000;

/**
 * How long, in seconds, pictures (or else sound) are on their way and wait in the browser, since it was asked last: half a round trip
 * of the network, and what the jitter buffer held them.
 */
async function delay(pc, last) {
  const stats = [...(await pc.getStats()).values()];
  const media = stats.filter((s) => s.type === "inbound-rtp" && s.jitterBufferEmittedCount > 0);
  const of = media.find((s) => s.kind === "video") ?? media[0];
  const pair = stats.find((s) => s.type === "candidate-pair" && s.nominated && s.currentRoundTripTime !== undefined);
  if (of === undefined || pair === undefined) return undefined;
  const [held, count] = last.id === of.id ? [of.jitterBufferDelay - last.held, of.jitterBufferEmittedCount - last.count] : [of.jitterBufferDelay, of.jitterBufferEmittedCount];
  Object.assign(last, { id: of.id, held: of.jitterBufferDelay, count: of.jitterBufferEmittedCount });
  return count > 0 ? pair.currentRoundTripTime / 2 + held / count : undefined;
}

/** @type {import("./ways.js").Way} */
export const byWHEP = {
  name: "whep",
  title: "WebRTC",
  can: () => typeof RTCPeerConnection === "function",
  start(stream, video, say) {
    let over = false;
    let timer = 0;
    let note = "";
    /** @type {RTCPeerConnection | undefined} */
    let pc;
    let session = "";
    let behind; // s
    const measured = {};
    const measure = setInterval(async () => {
      const of = pc;
      const now = of === undefined ? undefined : await delay(of, measured).catch(() => undefined);
      behind = of === pc ? (now ?? behind) : undefined;
    }, 1000);
    const said = /\?.*/.exec(stream.name)?.[0] ?? "";
    const url = `/-/whep/${stream.path.split("/").map(encodeURIComponent).join("/")}${said}`;

    /** Gives back what there is. */
    function end() {
      clearTimeout(timer);
      pc?.close();
      pc = undefined;
      if (session !== "") void fetch(session, { method: "DELETE", keepalive: true }).catch(() => {});
      session = "";
    }
    function later() {
      end();
      if (over) return;
      say.nobody();
      timer = setTimeout(begin, between());
    }
    function fails(reason) {
      end();
      if (!over) say.failed(reason);
    }

    async function begin() {
      const own = (pc = new RTCPeerConnection());
      const current = () => !over && pc === own;
      own.addTransceiver("video", { direction: "recvonly" });
      own.addTransceiver("audio", { direction: "recvonly" });
      const media = new MediaStream();
      own.addEventListener("track", ({ track, receiver }) => {
        // What comes is to be shown, and not kept for a network that it might have to wait for.
        if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
        media.addTrack(track);
      });
      own.addEventListener("connectionstatechange", () => {
        if (!current()) return;
        switch (own.connectionState) {
          case "connected":
            clearTimeout(timer);
            break;
          case "disconnected":
          case "failed":
          case "closed":
            later();
        }
      });
      try {
        await own.setLocalDescription();
        const answer = await fetch(url, { method: "POST", headers: { "Content-Type": "application/sdp" }, body: own.localDescription.sdp });
        const text = await answer.text();
        const place = answer.headers.get("Location");
        if (!current()) {
          if (answer.ok) void fetch(place, { method: "DELETE" }).catch(() => {});
          return;
        }
        if (!answer.ok) {
          if (answer.status === 404 && stream.alone && !notDefined(answer)) later();
          else fails(answer.status === 404 && !stream.alone ? "" : text.trim());
          return;
        }
        session = place;
        note = answer.headers.get("Flashpod-Left-Out") ?? "";
        if (note !== "" && !stream.alone) {
          fails("");
          return;
        }
        timer = setTimeout(() => fails("nothing comes by UDP"), patience);
        await own.setRemoteDescription({ type: "answer", sdp: text });
        if (current()) video.srcObject = media;
      } catch (e) {
        if (current()) fails(e.message);
      }
    }
    void begin();

    return {
      stop() {
        over = true;
        clearInterval(measure);
        end();
        video.srcObject = null;
      },
      now: () => ({ live: true, behind, note }),
    };
  },
};
