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
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/web/pages"
)

// house is where HTTP finds streams.
type house struct{ s *Server }

// locate is the instance that a path begins with, and the name of a stream in it. Of
// several that fit it is the one with the longest name. nil: there is none.
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
func (h house) place(path string) pages.Place {
	app, rest, _ := strings.Cut(path, "/")
	i, name := h.locate(path)
	if i != nil {
		return pages.Place{Application: app, Instance: i.Name(), Stream: name}
	}
	if at := strings.LastIndexByte(rest, '/'); at > 0 && h.s.onDemand[app] != nil {
		return pages.Place{Application: app, Instance: rest[:at], Stream: rest[at+1:]}
	}
	return pages.Place{Application: app, Instance: defaultInstance, Stream: rest}
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
func (h house) Live(r *http.Request, way outlet.Way, path string) (*outlet.Live, error) {
	v, err := h.request(r, way, path)
	if err != nil {
		return nil, err
	}
	defer v.leaves()
	if err := v.mayWatchBy(); err != nil {
		return nil, err
	}
	live := v.inst.Live(v.name)
	if live == nil || !live.Live() && v.sitting == nil {
		return nil, outlet.ErrNotFound
	}
	if err := v.permit(true); err != nil {
		return nil, err
	}
	viewing, err := v.watch(true, func() {})
	if err != nil {
		return nil, err
	}
	return &outlet.Live{Stream: live, HLS: watchedByHLS(v.inst.HLS()), Viewing: viewing}, nil
}

// Recording implements outlet.House.
func (h house) Recording(r *http.Request, way outlet.Way, path string) (*outlet.Recording, error) {
	v, err := h.request(r, way, path)
	if err != nil {
		return nil, err
	}
	defer v.leaves()
	if err := v.mayWatchBy(); err != nil {
		return nil, err
	}
	if err := v.permit(false); err != nil {
		return nil, err
	}
	file, err := recorded(r, v.inst, fileName(way, v.name))
	if err != nil {
		return nil, err
	}
	rec, err := describeFile(file, v, way, path)
	if err == nil {
		rec.Viewing, err = v.watch(false, file.Close)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return rec, nil
}

// fileName is the name of a recorded stream for a way: who wants MP4 is given that, of
// files of one name. A name that says what it is keeps that.
func fileName(way outlet.Way, name string) string {
	if way == outlet.MP4 && !strings.Contains(name, ":") {
		return "mp4:" + name
	}
	return name
}

// describeFile is what a way is told of a file.
func describeFile(file *playback.File, v *webRequest, way outlet.Way, path string) (*outlet.Recording, error) {
	of, ok := file.Bytes.(interface{ Stat() (fs.FileInfo, error) })
	if !ok {
		return nil, fmt.Errorf("the file of %.100q cannot be looked at", v.name)
	}
	info, err := of.Stat()
	if err != nil {
		return nil, err
	}
	return &outlet.Recording{
		File: file.File, Reader: file.Bytes, Size: info.Size(), Modified: info.ModTime(),
		Key:        fmt.Sprintf("%s%s %d %d", fileName(way, ""), path, info.Size(), info.ModTime().UnixNano()),
		OnMetaData: file.OnMetaData, Of: v.inst.Application() + "/" + v.inst.Name(),
	}, nil
}

// watchers counts requests for recorded streams.
var watchers atomic.Uint64

// recorded opens a recorded stream as a player's is opened, in the order of those who
// ask the disk, for a viewer that may play.
func recorded(r *http.Request, i *instance.Instance, name string) (*playback.File, error) {
	who := session.Client{ID: fmt.Sprint("http ", watchers.Add(1)), Address: r.RemoteAddr}
	answers := make(chan session.PlayAnswer, 1)
	i.Open(session.PlayRequest{Client: who, Name: name, From: session.RecordedOnly}, func(a session.PlayAnswer) { answers <- a })
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
