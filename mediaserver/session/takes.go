package session

import (
	"errors"
	"net/url"
	"strconv"

	"flashpod.dev/flashpod/mediaserver/media/tracks"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// takesOf is what a client takes that says so much of Enhanced RTMP when it
// connects; announced is false for one that says nothing: PROTOCOL.md §12. One
// that says which codecs it knows, but nothing of capsEx, is taken for a reader of
// several tracks, as clients of gortmplib are.
func takesOf(peer rtmp.Enhanced, announced bool) (t tracks.Takes) {
	if !announced {
		return tracks.Oldest()
	}
	if peer.SaysCaps {
		t.Single = peer.Caps&rtmp.CapsMultitrack == 0
		t.NoModEx = peer.Caps&rtmp.CapsModEx == 0
	}
	if peer.Video != nil {
		t.Video = tracks.CodecsOf(peer.Video)
	}
	if peer.Audio != nil {
		t.Audio = tracks.CodecsOf(peer.Audio)
	}
	return t
}

// track is the number of a track that play asked for.
type track struct {
	id    uint8
	asked bool
}

var errTrack = errors.New("a track is a number from 0 to 255")

// parseTrack reads ?track= behind the name of a stream.
func parseTrack(query url.Values) (track, error) {
	if !query.Has("track") {
		return track{}, nil
	}
	n, err := strconv.ParseUint(query.Get("track"), 10, 8)
	if err != nil {
		return track{}, errTrack
	}
	return track{uint8(n), true}, nil
}

// noTrack is what a client hears that is not sent all of a stream.
func (ns *netStream) noTrack(name string, is tracks.Spared) *rtmp.Message {
	level, description := is.Status(name)
	return ns.onStatus(level, codePlayNoTrack, name, description)
}

// takes is what the client takes of an item: one track of each kind, when it has
// asked for one.
func (ns *netStream) takes(it item) tracks.Takes {
	t := ns.session.takes
	if it.track.asked {
		t.Single, t.Asked, t.Track = true, true, it.track.id
	}
	return t
}
