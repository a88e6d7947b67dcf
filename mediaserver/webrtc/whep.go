package webrtc

import (
	"context"
	"net/http"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	pion "github.com/pion/webrtc/v4"

	"flashpod.dev/flashpod/mediaserver/outlet"
)

// keptPackets is how many packets of a track are kept to be sent once more: half a
// second of 5 Mbit/s.
const keptPackets = 256

// watch begins the session of a viewer.
func (h *Handler) watch(r *http.Request, path string, o *offer) (*peer, string, []string, error) {
	live, err := h.house.Live(r, outlet.WebRTC, path)
	if err != nil {
		return nil, "", nil, err
	}
	watches := false
	defer func() {
		if !watches {
			live.Close()
		}
	}()
	s := live.Stream
	if !s.Live() {
		return nil, "", nil, outlet.ErrNotFound
	}
	found, err := look(r.Context(), s)
	if err != nil {
		return nil, "", nil, err
	}
	video, audio, left, err := found.pick(o)
	if err != nil {
		return nil, "", nil, err
	}
	p, err := h.newPeer(r, path, true)
	if err != nil {
		return nil, "", nil, err
	}
	v := &viewer{peer: p, stream: s, show: *found, sent: live.Sent}
	answer, err := v.offered(r, o, video, audio)
	if err == nil {
		stay := context.AfterFunc(live.Context, func() { p.end(context.Cause(live.Context)) })
		err = p.run(v.play, func() {
			stay()
			live.Close()
		})
		if watches = err == nil; !watches {
			stay()
		}
	}
	if err != nil {
		p.abandon()
		return nil, "", nil, err
	}
	p.log.Info("watching by WHEP", "path", path, "video", nameOf(video), "audio", nameOf(audio))
	return p, answer, left, nil
}

func nameOf(c *codec) string {
	if c == nil {
		return ""
	}
	return c.name
}

// offered answers an offer with tracks of these codecs.
func (v *viewer) offered(r *http.Request, o *offer, video, audio *codec) (string, error) {
	var engine pion.MediaEngine
	for kind, c := range map[pion.RTPCodecType]*codec{pion.RTPCodecTypeVideo: video, pion.RTPCodecTypeAudio: audio} {
		if c == nil {
			continue
		}
		if err := c.register(&engine, kind); err != nil {
			return "", badOffer(err)
		}
	}
	var interceptors interceptor.Registry
	interceptors.Add(&asked{})
	again, err := nack.NewResponderInterceptor(nack.ResponderSize(keptPackets), nack.WithResponderLoggerFactory(silent{}))
	if err != nil {
		return "", err
	}
	interceptors.Add(again)
	if err := v.connect(&engine, &interceptors); err != nil {
		return "", err
	}
	if v.video, err = v.track(pion.RTPCodecTypeVideo, video); err != nil {
		return "", err
	}
	if v.audio, err = v.track(pion.RTPCodecTypeAudio, audio); err != nil {
		return "", err
	}
	if v.video != nil {
		v.packer = newPacker(v.show.video, v.show.avc)
	}
	return v.answer(r.Context(), o)
}

// track makes a track, nil where there is no codec for it.
func (v *viewer) track(kind pion.RTPCodecType, c *codec) (*track, error) {
	if c == nil {
		return nil, nil
	}
	t := &track{rate: c.clock, counts: v.sent}
	var err error
	if t.local, err = pion.NewTrackLocalStaticRTP(c.capability(kind, nil), kind.String(), "flashpod"); err != nil {
		return nil, err
	}
	transceiver, err := v.pc.AddTransceiverFromTrack(t.local, pion.RTPTransceiverInit{Direction: pion.RTPTransceiverDirectionSendonly})
	if err != nil {
		return nil, err
	}
	t.sender = transceiver.Sender()
	return t, nil
}
