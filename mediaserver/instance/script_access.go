package instance

import (
	"slices"
	"strings"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/sharedobject"
)

// allows says whether a list of folders and names, as a script gives a client, has a
// stream or shared object: names between semicolons, with or without a slash in front,
// each for itself and all below it; "/" for all and "" for none.
func allows(list, name string) bool {
	if list == "/" {
		return true
	}
	of := segments(withoutType(name))
	if slices.Contains(of, "..") {
		return false // it is not where it says
	}
	for one := range strings.SplitSeq(list, ";") {
		one = strings.TrimSpace(one)
		if one == "" {
			continue
		}
		if begin := segments(one); len(begin) <= len(of) && slices.Equal(begin, of[:len(begin)]) {
			return true
		}
	}
	return false
}

// segments are the parts of a name. One between two slashes is none, as in a path.
func segments(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(s string) bool { return s == "" || s == "." })
}

// withoutType is the name of a stream without mp4: and its like.
func withoutType(name string) string {
	switch kind, rest, ok := strings.Cut(name, ":"); {
	case !ok:
	case kind == "flv", kind == "mp3", kind == "id3", kind == "mp4", kind == "raw":
		return rest
	}
	return name
}

// access is what the script has said of a client; nil: nothing.
func (i *Instance) access(c session.Client) *script.Access {
	if i.script == nil {
		return nil
	}
	if g := i.script.guest(c.ID); g != nil {
		return g.access
	}
	return nil
}

// mayRead and mayWrite say why a client may not play a stream, or publish it.
func (i *Instance) mayRead(c session.Client, stream string) *session.Refusal {
	if a := i.access(c); a == nil || allows(a.Read, stream) {
		return nil
	}
	return &session.Refusal{Code: session.RefusedNoAccess, Reason: "no read access"}
}

func (i *Instance) mayWrite(c session.Client, stream string) *session.Refusal {
	if a := i.access(c); a == nil || allows(a.Write, stream) {
		return nil
	}
	return &session.Refusal{Code: session.RefusedNoAccess, Reason: "no write access"}
}

// samples says whether a client may look into what it plays: where the manifest or the
// script lets it.
func (i *Instance) samples(c session.Client, stream string) session.SampleAccess {
	may := i.rules.Load().SampleAccess
	if a := i.access(c); a != nil {
		may.Audio = may.Audio || allows(a.AudioSample, stream)
		may.Video = may.Video || allows(a.VideoSample, stream)
	}
	return may
}

// objectAccess is what a client may do with a shared object: what both the manifest
// and the script let it.
func (i *Instance) objectAccess(manifest func(session.Client, string) sharedobject.Access) func(session.Client, string) sharedobject.Access {
	return func(c session.Client, name string) sharedobject.Access {
		may := sharedobject.Access{Read: true, Write: true}
		if manifest != nil {
			may = manifest(c, name)
		}
		if a := i.access(c); a != nil {
			may.Read = may.Read && allows(a.Read, name)
			may.Write = may.Write && allows(a.Write, name)
		}
		return may
	}
}
