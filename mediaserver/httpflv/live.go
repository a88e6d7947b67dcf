package httpflv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"flashpod.dev/flashpod/mediaserver/flv"
	"flashpod.dev/flashpod/mediaserver/media"
	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// settleTime is how long an answer waits until it is known whether a stream that has
// just begun has pictures and sound.
const settleTime = time.Second

// offer is what a viewer would be sent of a stream, once that is known. It fails where
// that is nothing.
func offer(ctx context.Context, s *stream.Stream, takes tracks.Takes) (stream.Offer, error) {
	o := s.Offer(takes)
	if o.Live && !o.Settled && !(o.Video && o.Audio) {
		o = settle(ctx, s, takes)
	}
	switch {
	case ctx.Err() != nil:
		return o, ctx.Err()
	case !o.Live:
		return o, outlet.ErrNotFound
	case o.Settled && o.Spared.All():
		_, why := o.Spared.Status(s.Name())
		return o, outlet.Refuse(http.StatusNotFound, why)
	}
	return o, nil
}

// settle reads a stream until it is known what it has, or for so long.
func settle(ctx context.Context, s *stream.Stream, takes tracks.Takes) stream.Offer {
	r := s.NewReader()
	defer r.Close()
	soon, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		_, err := r.Next(soon)
		if o := s.Offer(takes); err != nil || o.Settled || o.Video && o.Audio {
			return o
		}
	}
}

// serveLive answers with a stream that is published: the viewer of HTTP/1.1 has a
// goroutine of its own from then on.
func (h *Handler) serveLive(w http.ResponseWriter, r *http.Request, live *outlet.Live, q query, key string) error {
	watches := false
	defer func() {
		if !watches {
			live.Close()
		}
	}()
	s := live.Stream
	o, err := offer(r.Context(), s, q.takes)
	if err != nil {
		return err
	}
	head := w.Header()
	headers(head)
	head.Set("Cache-Control", "no-store")
	if r.Method == http.MethodHead {
		if r.ProtoMajor == 1 {
			head.Set("Connection", "close")
		}
		return nil
	}
	take := h.take
	if r.ProtoMajor > 1 {
		take = h.takeStream
	}
	v, err := take(w, r, key, live.Viewing)
	if err != nil {
		return err
	}
	watches = true
	begin := flv.FileHeader(o.Video || !o.Audio, o.Audio || !o.Video)
	if key != "" {
		v.conn.say(appendFrameHeader(nil, opBinary, len(begin)))
	}
	v.conn.say(begin)
	watch := func() {
		defer h.leave(v)
		defer live.Close()
		v.watch(s, q.takes)
		if v.slow() {
			live.GiveUp(outlet.ErrStalled)
		}
	}
	if r.ProtoMajor == 1 {
		go watch()
		return nil
	}
	watch()
	v.conn.leave()
	return nil
}

// watch plays a stream until its publication ends, or the viewer goes.
func (v *viewer) watch(s *stream.Stream, takes tracks.Takes) {
	var form stream.Encoding = tags{}
	if v.socket {
		form = messages{}
	}
	player := s.PlayWith(v.conn, 0, stream.PlayOptions{
		Encoding: form, Takes: takes,
		Until: &stream.Until{Publication: true, Published: true, OnEnd: func(media.Timestamp) {
			v.end(&closeError{closeNormal, "the stream has ended"})
		}},
	})
	why := v.read()
	player.Close()
	v.finish(why)
}

// dismissed is what a viewer is told that is to go.
func dismissed(ctx context.Context) *closeError {
	why := context.Cause(ctx)
	var no *outlet.Refusal
	if errors.As(why, &no) && no.Status == http.StatusForbidden {
		return &closeError{closePolicy, no.Reason}
	}
	return &closeError{closeGoingAway, why.Error()}
}

// take has the connection of a request for a viewer, and says the head of the answer on
// it.
func (h *Handler) take(w http.ResponseWriter, _ *http.Request, key string, counts *outlet.Viewing) (*viewer, error) {
	nc, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil, outlet.Refuse(http.StatusHTTPVersionNotSupported, "streams are served by HTTP/1.1 and HTTP/2, and WebSockets by HTTP/1.1")
	}
	c := newConn(nc, counts.Sent, h.opts.Samples)
	v := &viewer{conn: c, socket: key != "", since: time.Now()}
	if !h.enter(v) {
		nc.Close()
		return nil, context.Canceled
	}
	if n := buffered.Reader.Buffered(); n > 0 {
		v.early = make([]byte, n)
		_, _ = io.ReadFull(buffered.Reader, v.early) // from memory
	}
	v.stay = context.AfterFunc(counts.Context, func() { v.end(dismissed(counts.Context)) })
	c.say(answerHead(w.Header(), key))
	return v, nil
}

// answerHead is the head of an answer on a connection that is not net/http's any more.
// That of a stream ends with the connection [RFC 9112 §6.3].
func answerHead(head http.Header, key string) []byte {
	var b bytes.Buffer
	if key == "" {
		b.WriteString("HTTP/1.1 200 OK\r\n")
		head.Set("Connection", "close")
	} else {
		b.WriteString("HTTP/1.1 101 Switching Protocols\r\n")
		head.Del("Content-Type")
		head.Set("Upgrade", "websocket")
		head.Set("Connection", "Upgrade")
		head.Set("Sec-WebSocket-Accept", key)
	}
	head.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	_ = head.Write(&b) // to memory
	b.WriteString("\r\n")
	return b.Bytes()
}
