package webrtc

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/interceptor/pkg/report"
	"github.com/pion/interceptor/pkg/twcc"
	pion "github.com/pion/webrtc/v4"

	"flashpod.dev/flashpod/mediaserver/media/payload"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/session"
)

// nackEvery is how often missing packets are asked for.
const nackEvery = 20 * time.Millisecond

// publish begins the session of a publisher.
func (h *Handler) publish(r *http.Request, path string, o *offer) (*peer, string, []string, error) {
	video, audio, left, err := pickPublished(o)
	if err != nil {
		return nil, "", nil, err
	}
	peer, err := h.newPeer(r, path, false)
	if err != nil {
		return nil, "", nil, err
	}
	p := newPublisher(peer)
	answer, err := p.begin(r, o, video, audio)
	if err == nil {
		err = p.run(p.serve, p.finish)
	}
	if err != nil {
		p.giveUp()
		return nil, "", nil, err
	}
	p.log.Info("publishing by WHIP", "path", path, "client", p.client.ID, "video", nameOf(video), "audio", nameOf(audio))
	return peer, answer, left, nil
}

// pickPublished is in which codecs a publisher is to send, nil for none, and what is not
// taken from it. H.264 is what all players of RTMP know: it goes before what the
// publisher would rather send, which is the first of the others.
func pickPublished(o *offer) (video, audio *codec, left []string, err error) {
	video = o.video.choose(func(c *codec) bool {
		return c.name == "H264" && c.clock == videoRate && c.parameter("packetization-mode") == "1"
	})
	if video == nil {
		video = o.video.choose(func(c *codec) bool {
			p := c.parameter("profile-id") // of VP9: 0 has pictures of 8 bits
			return c.clock == videoRate && (c.name == "VP8" || c.name == "AV1" || c.name == "VP9" && (p == "" || p == "0"))
		})
	}
	audio = o.audio.choose(func(c *codec) bool { return c.name == "OPUS" && c.clock == opusRate })
	switch {
	case video == nil && o.video != nil:
		return nil, nil, nil, outlet.Refuse(http.StatusNotAcceptable, "the offer has no codec of pictures that is taken here: H.264 (packetization-mode=1), AV1, VP9 (profile 0) or VP8")
	case audio == nil && o.audio != nil:
		left = append(left, "sound: only Opus is taken, which is not in the offer")
	}
	if video == nil && audio == nil {
		return nil, nil, nil, outlet.Refuse(http.StatusNotAcceptable, "the offer has nothing that is taken here: "+left[0])
	}
	return video, audio, left, nil
}

// begin has the publisher let in by its instance, takes the name, and answers.
func (p *publisher) begin(r *http.Request, o *offer, video, audio *codec) (string, error) {
	application, instance, raw := p.h.opts.Place(p.path)
	name, err := session.NewName(raw)
	if err != nil {
		return "", outlet.Refuse(http.StatusBadRequest, err.Error())
	}
	p.client = session.Client{ID: rand.Text()[:8], Address: r.RemoteAddr, Agent: agent(r)}
	connect := session.ConnectRequest{Client: p.client, Application: application, Instance: instance, Query: r.URL.Query(), URI: "http://" + r.Host + r.URL.EscapedPath()}
	credentials := p.h.opts.Client(r, &connect)
	p.log = p.log.With("client", p.client.ID, "application", application, "instance", instance)
	if err := p.enter(r.Context(), connect); err != nil {
		return "", err
	}
	request := session.PublishRequest{
		Client: p.client, Name: name, Mode: session.PublishLive, Credentials: credentials,
		TakenOver: func(why *session.Refusal) { p.end(why) },
		RecordingEnded: func(why *session.Refusal) {
			if why != nil {
				p.log.Warn("recording has ended", "stream", name, "err", why)
			}
		},
		RecordingBegan: func() {},
	}
	p.hears(&request)
	if mode := r.URL.Query().Get("mode"); mode != "" {
		request.Mode = session.PublishMode(mode)
	}
	switch request.Mode {
	case session.PublishLive, session.PublishRecord, session.PublishAppend, session.PublishAppendWithGap:
	default:
		return "", outlet.Refuse(http.StatusBadRequest, "?mode= is live, record, append or appendWithGap")
	}
	answer, err := ask(r.Context(), func(answer func(session.PublishAnswer)) { p.inst.Publish(request, answer) }, func(late session.PublishAnswer) {
		if late.Publication != nil {
			late.Publication.Close(session.EndedLost, func(error) {})
		}
	})
	switch {
	case err != nil:
		return "", err
	case answer.Refusal != nil:
		return "", mayNot(name, answer.Refusal)
	}
	p.publication = answer.Publication
	if answer.NotRecorded != nil && request.Mode != session.PublishLive {
		p.log.Warn("not recorded", "stream", name, "err", answer.NotRecorded)
	}
	return p.offered(r.Context(), o, video, audio)
}

// enter has the instance let the publisher in.
func (p *publisher) enter(ctx context.Context, r session.ConnectRequest) error {
	a, err := ask(ctx, func(answer func(session.ConnectAnswer)) { p.h.opts.Directory.Connect(r, p, answer) }, func(late session.ConnectAnswer) {
		if late.Instance != nil {
			late.Instance.Leave(r.Client)
		}
	})
	switch {
	case err != nil:
		return err
	case a.Refusal != nil:
		return mayNot("", a.Refusal)
	}
	p.inst = a.Instance
	if !a.Pending {
		return nil
	}
	why, err := ask(ctx, func(answer func(*session.Refusal)) { a.Instance.Admit(r.Client, answer) }, func(*session.Refusal) {})
	if err == nil && why != nil {
		err = mayNot("", why)
	}
	return err
}

// offered answers an offer of tracks of these codecs.
func (p *publisher) offered(ctx context.Context, o *offer, video, audio *codec) (string, error) {
	var engine pion.MediaEngine
	if video != nil {
		p.codec = map[string]payload.FourCC{"H264": payload.AVC, "VP8": payload.VP8, "VP9": payload.VP9, "AV1": payload.AV1}[video.name]
		if err := video.register(&engine, pion.RTPCodecTypeVideo); err != nil {
			return "", badOffer(err)
		}
	}
	if audio != nil {
		if err := audio.register(&engine, pion.RTPCodecTypeAudio); err != nil {
			return "", badOffer(err)
		}
	}
	var interceptors interceptor.Registry
	missing, err := nack.NewGeneratorInterceptor(nack.GeneratorInterval(nackEvery), nack.WithGeneratorLoggerFactory(silent{}))
	if err != nil {
		return "", err
	}
	reports, err := report.NewReceiverInterceptor(report.WithReceiverLoggerFactory(silent{}))
	if err != nil {
		return "", err
	}
	interceptors.Add(missing)
	interceptors.Add(reports)
	// What has come and when, from which the publisher knows how much its line takes.
	if err := pion.ConfigureTWCCSenderWithOptions(&engine, &interceptors, twcc.WithLoggerFactory(silent{})); err != nil {
		return "", err
	}
	if err := p.connect(&engine, &interceptors); err != nil {
		return "", err
	}
	p.pc.OnTrack(p.track)
	return p.answer(ctx, o)
}

// ask asks, and waits for the answer until ctx ends; one that comes later is late's.
func ask[T any](ctx context.Context, do func(answer func(T)), late func(T)) (none T, err error) {
	answers := make(chan T, 1)
	do(func(a T) { answers <- a })
	select {
	case a := <-answers:
		return a, nil
	case <-ctx.Done():
		go func() { late(<-answers) }()
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return none, outlet.Refuse(http.StatusServiceUnavailable, "the instance does not answer: try again")
		}
		return none, ctx.Err()
	}
}

// maxAgent bounds what a publisher calls itself, in bytes.
const maxAgent = 64

func agent(r *http.Request) string {
	name := r.UserAgent()
	return session.Printable(name[:min(len(name), maxAgent)])
}

// mayNot is a refusal in the words of HTTP.
func mayNot(name string, why *session.Refusal) error {
	no := outlet.Refuse(http.StatusForbidden, why.Error())
	switch why.Code {
	case session.RefusedNoApplication, session.RefusedNoInstance, session.RefusedBadInstance:
		no.Status = http.StatusNotFound
	case session.RefusedNoKeyGiven:
		no.Status, no.Reason = http.StatusUnauthorized, "publishing here needs a key: send it as Authorization: Bearer KEY, or append ?key=KEY to the URL"
	case session.RefusedWrongKey:
		no.Status, no.Reason = http.StatusUnauthorized, "wrong publish key: check what follows Bearer in Authorization, or ?key= in the URL"
	case session.RefusedKeyReplaced:
		no.Status, no.Reason = http.StatusUnauthorized, "this publish key was replaced and is no longer valid: use the new one"
	case session.RefusedNoKey:
		no.Status, no.Reason = http.StatusServiceUnavailable, "publishing here needs a key, and the server has none yet"
	case session.RefusedTaken:
		no.Status, no.Reason = http.StatusConflict, name+" is already published"
	case session.RefusedBadRequest, session.RefusedBadName:
		no.Status = http.StatusBadRequest
	case session.RefusedLimit, session.RefusedStopping, session.RefusedFailed, session.RefusedNoAnswer:
		no.Status = http.StatusServiceUnavailable
	}
	return no
}
