/** Why something of this browser cannot be used: most often because the page has not come by HTTPS. */
export function missing(what: string, name: string): TypeError {
  const insecure = (globalThis as { isSecureContext?: boolean }).isSecureContext === false;
  return new TypeError(`${what}: ${insecure ? "browsers allow it to pages that come by HTTPS, or from localhost, alone" : `this browser has no ${name}`}`);
}

/** A camera, once its owner has agreed: a track for NetStream.attachCamera. Away from localhost the page must come by HTTPS. */
export async function getCamera(constraints: MediaTrackConstraints = {}): Promise<MediaStreamTrack> {
  return (await capture({ video: constraints })).getVideoTracks()[0]!;
}

/** A microphone, once its owner has agreed: a track for NetStream.attachAudio. Away from localhost the page must come by HTTPS. */
export async function getMicrophone(constraints: MediaTrackConstraints = {}): Promise<MediaStreamTrack> {
  return (await capture({ audio: constraints })).getAudioTracks()[0]!;
}

function capture(constraints: MediaStreamConstraints): Promise<MediaStream> {
  const devices = (globalThis.navigator as Partial<Navigator> | undefined)?.mediaDevices as MediaDevices | undefined;
  if (!devices) throw missing("capture", "mediaDevices");
  return devices.getUserMedia(constraints);
}
