/** WebRTC, which WHEP begins: the way with the least delay, for streams that are live and of which it leaves nothing out. */

/** Milliseconds after which it is tried anew: a random time between. */
const between = () => 2000 + Math.random() * 2000;
/** Milliseconds in which media is to come by UDP: where no packet gets through, another way does. */
const patience = 6000;

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
          if (answer.status === 404 && stream.alone) later();
          else fails(answer.status === 404 ? "" : text.trim());
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
        end();
        video.srcObject = null;
      },
      now: () => ({ live: true, behind: undefined, note }),
    };
  },
};
