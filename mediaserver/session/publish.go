package session

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"sync/atomic"
	"syscall"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/recording"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// publish(name, type) makes the client the publisher of a name;
// publish(false) ends it. Statuses in the order of reference §2.5.2.
func (ns *netStream) publish(cmd *rtmp.Command) error {
	if len(cmd.Args) > 0 && cmd.Args[0] == false {
		ns.end(true)
		return nil
	}
	raw, ok := text(cmd.Args, 0)
	if !ok {
		return ns.refusePublish(instance.RefusedBadRequest, "publish needs the name of a stream.", "")
	}
	name, query, err := parseName(raw)
	if err != nil {
		return ns.refusePublish(instance.RefusedBadRequest, "Cannot publish: "+err.Error()+".", withoutQuery(raw))
	}
	mode := instance.PublishLive
	if word, ok := text(cmd.Args, 1); ok && word != "" {
		mode = instance.PublishMode(word)
	}
	switch mode {
	case instance.PublishLive, instance.PublishRecord, instance.PublishAppend, instance.PublishAppendWithGap:
	default:
		return ns.refusePublish(instance.RefusedBadRequest, fmt.Sprintf("Cannot publish as %q: use live, record, append or appendWithGap.", printable(string(mode))), name)
	}
	s := ns.session
	if err := s.inst.Authorize(publishKey(query, s.query)); err != nil {
		return ns.refusePublish(instance.RefusalOf(err), keyRefused(err), name)
	}

	ns.end(true) // whatever this stream did before
	asked := mode != instance.PublishLive
	failed := &atomic.Bool{}
	pub, err := s.inst.Publish(name, mode, func(err error) {
		failed.Store(true)
		if !asked {
			return // the manifest did: ffmpeg would take it for the end of its stream
		}
		// From the recorder's goroutine: Send is all that it may use.
		if err := ns.status("error", codeRecordFailed, "Recording ended: "+err.Error()+".", name); err != nil {
			s.log.Debug("tell of failed recording", "err", err)
		}
	})
	switch {
	case errors.Is(err, instance.ErrBusy):
		return ns.refusePublish(instance.RefusedTaken, fmt.Sprintf("%s is already published.", name), name)
	case err != nil:
		return ns.refusePublish(instance.RefusalOf(err), "Cannot publish: "+err.Error()+".", name)
	}
	ns.publication, ns.name, ns.records, ns.failed = pub, name, asked && pub.Recorded(), failed
	ns.idle = ns.watchIdle(pub)
	s.log.Info("publishing", "stream", name, "mode", string(mode), "recorded", pub.Recorded())

	if err := s.conn.Send(rtmp.UserControl(rtmp.EventStreamBegin, ns.id)); err != nil {
		return err
	}
	if err := ns.status("status", codePublishStart, name+" is now published.", name); err != nil {
		return err
	}
	switch {
	case ns.records:
		return ns.status("status", codeRecordStart, "Recording "+name+".", name)
	case !asked:
		return nil
	case errors.Is(pub.RecordErr, instance.ErrRecordingOff), errors.Is(pub.RecordErr, recording.ErrBadName), errors.Is(pub.RecordErr, fs.ErrPermission), errors.Is(pub.RecordErr, syscall.EROFS):
		return ns.status("error", codeRecordNoAccess, "Not recorded: "+pub.RecordErr.Error()+".", name)
	case errors.Is(pub.RecordErr, recording.ErrBusy):
		return ns.status("error", codeRecordNoAccess, "Not recorded: the file is in use.", name)
	case pub.RecordErr != nil:
		return ns.status("error", codeRecordFailed, "Not recorded: "+pub.RecordErr.Error()+".", name)
	}
	return nil
}

// refusePublish counts a publication that is refused, and tells the client why,
// and the log unless it has had enough of it. The code is the one that encoders
// know; what differs is the description.
func (ns *netStream) refusePublish(why instance.Refusal, description, name string) error {
	s := ns.session
	if tell, untold := s.inst.Refuse(why); tell {
		args := []any{"stream", printable(name), "reason", string(why)}
		if why == instance.RefusedFull {
			args = append(args, "said", description) // which limit
		}
		if untold > 0 {
			args = append(args, "refusedBefore", untold)
		}
		s.log.Warn("publish refused", args...)
	}
	return ns.status("error", codePublishBadName, description, name)
}

// keyRefused says to a publisher what is the matter with its key, and what to
// do.
func keyRefused(err error) string {
	switch {
	case errors.Is(err, instance.ErrNoKeyGiven):
		return "Publishing here needs a key, and no key was given: append ?key=KEY to the stream name."
	case errors.Is(err, instance.ErrWrongKey):
		return "Wrong publish key: check what follows ?key= in the stream name."
	case errors.Is(err, instance.ErrKeyReplaced):
		return "This publish key was replaced and is no longer valid: use the new one."
	case errors.Is(err, instance.ErrNoKey):
		return "Publishing here needs a key, and the server has none yet: nobody can publish until whoever runs it gives it one."
	}
	return "Cannot publish: " + err.Error() + "."
}

// endPublication gives the name back and, when the client is still there to
// hear it, says so.
func (ns *netStream) endPublication(tell bool) {
	pub := ns.publication
	ns.publication = nil
	ns.idle.stop()
	name := ns.name
	err := pub.Close()
	s := ns.session
	if err != nil {
		s.log.Error("recording not finished cleanly", "stream", name, "err", err)
	}
	s.log.Info("unpublished", "stream", name)
	if !tell {
		return
	}
	if ns.records && !ns.failed.Load() {
		err = ns.status("status", codeRecordStop, "Stopped recording "+name+".", name)
	}
	err = errors.Join(err, ns.status("status", codeUnpublishSuccess, name+" is now unpublished.", name))
	if err != nil {
		s.log.Debug("tell of unpublishing", "err", err)
	}
}

// takenOver tells a publisher that speaks again that another has its name by
// now: see instance.Publish. An encoder goes, and comes back or tells its user;
// a client that has other streams keeps them.
func (ns *netStream) takenOver(why error) error {
	s := ns.session
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Warn("publisher was taken over", "stream", ns.name, "err", why)
	ns.endPublication(false)
	if err := ns.status("error", codePublishBadName, "Another has taken over "+ns.name+", which had been silent.", ns.name); err != nil {
		return err
	}
	if len(s.streams) > 1 {
		return nil
	}
	return errRefused
}

// isClear says whether a data message is @clearDataFrame.
func isClear(payload []byte) bool {
	word, _, err := amf.Decode(payload)
	return err == nil && word == "@clearDataFrame"
}

// clearData forgets what @setDataFrame had set for a handler, and says so.
func (ns *netStream) clearData(payload []byte) error {
	values, err := amf.DecodeAll(payload)
	handler, ok := text(values, 1)
	switch {
	case err != nil || !ok:
		return ns.status("error", codeClearFailed, "@clearDataFrame needs the name of a handler.", ns.name)
	case !ns.publication.Clear(handler):
		return ns.status("error", codeClearFailed, fmt.Sprintf("Nothing is set for %s.", printable(handler)), ns.name)
	}
	return ns.status("status", codeClearSuccess, printable(handler)+" is cleared.", ns.name)
}

// publishKey finds the key where encoders put it: behind the stream name, else
// in app or tcUrl.
func publishKey(name, connection url.Values) string {
	if key := name.Get("key"); key != "" {
		return key
	}
	return connection.Get("key")
}
