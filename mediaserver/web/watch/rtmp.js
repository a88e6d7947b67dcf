/** RTMP in a WebSocket, shown by Media Source Extensions: what the SDK does. */
import { application, instanceURL, plain } from "./base.js";
import { NetConnection, NetStream } from "../sdk/flashpod.js";
import { patience } from "./ways.js";

/** Milliseconds without pictures or sound after which a stream counts as one that nobody publishes. */
const silence = 2500;
/** As patience, where no other way is wanted. */
const longPatience = 30_000;

/** One reason in the same words by all ways: it is said once. */
const words = (reason) => (/^Application \(.*\) is not defined\.$/.test(reason) ? `application "${application}" is not defined` : reason);

/** @type {import("./ways.js").Way} */
export const byRTMP = {
  name: "rtmp",
  title: "RTMP in a WebSocket",
  can: () => typeof MediaSource === "function",
  start(stream, video, say) {
    const nc = new NetConnection();
    const ns = new NetStream(nc);
    let heard = 0; // when it came first, by performance.now; 0: nothing has
    let note = "";
    let over = false;
    function fails(reason) {
      if (!over) say.failed(reason);
    }
    const watch = setInterval(() => {
      if (heard === 0 && nc.connected && !over) say.nobody();
      if (heard !== 0 && video.readyState < 2 && performance.now() - heard > (stream.alone ? longPatience : patience)) fails(note || "the browser shows nothing of it");
    }, silence);

    nc.on("netStatus", (info) => {
      if (info.code !== "NetConnection.Connect.Closed") return;
      heard = 0; // what there is to wait for is found out anew
      if (!over) say.waiting(info.dismissed ? info.description : "The connection was lost.\nThis page connects again.");
    });
    ns.on("media", ({ kind }) => {
      if (kind === "data") return;
      if (heard === 0) heard = performance.now();
    });
    ns.on("netStatus", (info) => {
      switch (info.code) {
        case "NetStream.Play.UnpublishNotify":
          heard = 0;
          if (!over) say.nobody();
          break;
        case "NetStream.Play.NoSupportedTrackFound": // of the other tracks there may be one
          note = info.description;
          break;
        case "NetStream.Play.StreamNotFound":
        case "NetStream.Play.Failed":
          fails(info.description || info.code);
          break;
      }
    });
    ns.on("blocked", () => {
      video.dispatchEvent(new Event("blocked"));
      void ns.resume().catch(() => {});
    });

    ns.attachDisplay(video);
    nc.connect(instanceURL)
      .then(() => ns.play(stream.name))
      .catch((e) => fails(words(plain(e.reason ?? e.message))));

    return {
      stop() {
        over = true;
        clearInterval(watch);
        ns.dispose();
        nc.close();
      },
      now() {
        return { note, live: !Number.isFinite(video.duration), behind: heard === 0 ? undefined : ns.bufferLength };
      },
    };
  },
};
