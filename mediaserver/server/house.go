package server

import (
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"sync/atomic"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/outlet"
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
		return nil, "", outlet.ErrNotFound
	case i.Scripted():
		return nil, "", outlet.Refuse(http.StatusForbidden, "who may watch here is decided by the application's script, which knows no viewers by HTTP: play by RTMP, or by RTMP in a WebSocket at "+public.RTMPPath)
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

// Live implements outlet.House.
func (h house) Live(r *http.Request, path string) (*stream.Stream, error) {
	i, name, err := h.find(r, path)
	if err != nil {
		return nil, err
	}
	if live := i.Live(name); live != nil {
		return live, nil
	}
	return nil, outlet.ErrNotFound
}

// Recording implements outlet.House.
func (h house) Recording(r *http.Request, path string) (*outlet.Recording, error) {
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
	return &outlet.Recording{
		File: file.File, Reader: file.Bytes, Size: info.Size(), Modified: info.ModTime(),
		Key:        fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano()),
		OnMetaData: file.OnMetaData, Of: i.Application() + "/" + i.Name(), Close: file.Close,
	}, nil
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
		return nil, outlet.ErrNotFound
	case session.RefusedDamaged:
		return nil, outlet.Refuse(http.StatusUnsupportedMediaType, "the recording is damaged, or not what its name says")
	}
	return nil, outlet.Refuse(http.StatusServiceUnavailable, why.Error())
}
