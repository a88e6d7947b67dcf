package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/hls"
	"flashpod.dev/flashpod/mediaserver/httpflv"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/playback"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
	"flashpod.dev/flashpod/mediaserver/web/watch"
)

// house is where HTTP finds streams.
type house struct{ s *Server }

// find is the instance that a path begins with, and the name of a stream in it. Of
// several that fit it is the one with the longest name. It is for whoever may play
// there: see mayWatch. Where a script decides who comes in, nobody comes past it.
func (h house) find(r *http.Request, path string) (i *instance.Instance, name string, err error) {
	i, name = h.locate(path)
	switch {
	case i == nil:
		return nil, "", hls.ErrNotFound
	case i.Scripted():
		return nil, "", &hls.Refusal{Status: http.StatusForbidden, Reason: "who may watch here is decided by the application's script, which knows no viewers by HTTP: play by RTMP, or by RTMP in a WebSocket at " + public.RTMPPath}
	}
	if err := mayWatch(r, i, name); err != nil {
		return nil, "", err
	}
	return i, name, nil
}

// locate is find, whoever asks; nil: there is no such instance.
func (h house) locate(path string) (i *instance.Instance, name string) {
	app, rest, ok := strings.Cut(path, "/")
	if !ok {
		return nil, ""
	}
	for at := strings.LastIndexByte(rest, '/'); at > 0 && i == nil; at = strings.LastIndexByte(rest[:at], '/') {
		i, name = h.s.running(app, rest[:at]), rest[at+1:]
	}
	if i == nil {
		i, name = h.s.running(app, defaultInstance), rest
	}
	return i, name
}

// place is where a stream is, or would be: an instance that does not run yet has the
// name that is longest, where it starts on demand.
func (h house) place(path string) watch.Place {
	app, rest, _ := strings.Cut(path, "/")
	i, name := h.locate(path)
	if i != nil {
		return watch.Place{Application: app, Instance: i.Name(), Stream: name}
	}
	if at := strings.LastIndexByte(rest, '/'); at > 0 && h.s.onDemand[app] != nil {
		return watch.Place{Application: app, Instance: rest[:at], Stream: rest[at+1:]}
	}
	return watch.Place{Application: app, Instance: defaultInstance, Stream: rest}
}

// running is an instance that is loaded; nil: it is not.
func (s *Server) running(app, name string) *instance.Instance {
	if i := s.instances[app][name]; i != nil {
		return i
	}
	if d := s.onDemand[app]; d != nil {
		return d.running(name)
	}
	return nil
}

// Live implements hls.House.
func (h house) Live(r *http.Request, path string) (*stream.Stream, error) {
	i, name, err := h.find(r, path)
	if err != nil {
		return nil, err
	}
	if live := i.Live(name); live != nil {
		return live, nil
	}
	return nil, hls.ErrNotFound
}

// Recording implements hls.House.
func (h house) Recording(r *http.Request, path string) (*hls.Recording, error) {
	o, err := h.open(r, path)
	if err != nil {
		return nil, err
	}
	return &hls.Recording{File: o.File.File, Reader: o.Bytes, Size: o.info.Size(), Key: o.key, Close: o.Close}, nil
}

// openRecording is a recorded stream for one request.
type openRecording struct {
	*playback.File
	info     fs.FileInfo
	key      string // changes when the file does
	instance string
}

// open opens the recorded stream of a path.
func (h house) open(r *http.Request, path string) (*openRecording, error) {
	i, name, err := h.find(r, path)
	if err != nil {
		return nil, err
	}
	file, err := recorded(r, i, name)
	if err != nil {
		return nil, err
	}
	of, ok := file.Bytes.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		file.Close()
		return nil, fmt.Errorf("the file of %.100q cannot be looked at", name)
	}
	info, err := of.Stat()
	if err != nil {
		file.Close()
		return nil, err
	}
	key := fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano())
	return &openRecording{file, info, key, i.Application() + "/" + i.Name()}, nil
}

// flvHouse is the house as httpflv asks for it.
type flvHouse struct{ house }

// Live implements httpflv.House.
func (h flvHouse) Live(r *http.Request, path string) (*stream.Stream, error) {
	live, err := h.house.Live(r, path)
	return live, flvError(err)
}

// Recording implements httpflv.House.
func (h flvHouse) Recording(r *http.Request, path string) (*httpflv.Recording, error) {
	o, err := h.open(r, path)
	if err != nil {
		return nil, flvError(err)
	}
	return &httpflv.Recording{
		File: o.File.File, Reader: o.Bytes, Modified: o.info.ModTime(), Key: o.key,
		OnMetaData: o.OnMetaData, Of: o.instance, Close: o.Close,
	}, nil
}

// flvError is why there is no stream, in httpflv's words.
func flvError(err error) error {
	var no *hls.Refusal
	switch {
	case errors.As(err, &no):
		return &httpflv.Refusal{Status: no.Status, Reason: no.Reason}
	case errors.Is(err, hls.ErrNotFound):
		return httpflv.ErrNotFound
	}
	return err
}

// watchers counts requests for recorded streams.
var watchers atomic.Uint64

// recorded opens a recorded stream as a player's is opened, in the order of those who
// ask the disk.
func recorded(r *http.Request, i *instance.Instance, name string) (*playback.File, error) {
	who := session.Client{ID: fmt.Sprint("http ", watchers.Add(1)), Address: r.RemoteAddr}
	answers := make(chan session.PlayAnswer, 1)
	i.Play(session.PlayRequest{Client: who, Name: name, From: session.RecordedOnly, Credentials: credentials(r)}, func(a session.PlayAnswer) { answers <- a })
	var a session.PlayAnswer
	select {
	case a = <-answers:
	case <-r.Context().Done():
		i.Withdraw(who)
		a = <-answers
	}
	why := a.Refusal
	if why == nil {
		return a.File, nil
	}
	switch why.Code {
	case session.RefusedNotFound, session.RefusedBadName:
		return nil, hls.ErrNotFound
	case session.RefusedDamaged:
		return nil, &hls.Refusal{Status: http.StatusUnsupportedMediaType, Reason: "the recording is damaged, or not what its name says"}
	}
	return nil, &hls.Refusal{Status: http.StatusServiceUnavailable, Reason: why.Error()}
}
