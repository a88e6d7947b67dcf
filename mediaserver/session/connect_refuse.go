package session

import (
	"fmt"
	"strings"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// How FMS begins to say why it rejects, and what it says of a limit that is reached.
const (
	reject        = "[ Server.Reject ] : "
	resourceLimit = reject + "Resource limit violation: "
)

// refused tells a client why the instance has not let it in.
func (s *Session) refused(cmd *rtmp.Command, to target, why *Refusal) error {
	info, counted := s.refusal(to, why)
	return s.refuseWith(cmd, info, counted)
}

// refusal is what a client is told that an instance does not let in, and how it is
// counted.
func (s *Session) refusal(to target, why *Refusal) (info *amf.Object, counted string) {
	code, said, counted := "NetConnection.Connect.Failed", why.Error()+".", string(why.Code)
	switch why.Code {
	case RefusedNoApplication:
		code, said = "NetConnection.Connect.InvalidApp", fmt.Sprintf(
			reject+"(_defaultRoot_, _defaultVHost_) : Application (%s) is not defined.", to.Application)
	case RefusedNoHost:
		code, said = "NetConnection.Connect.InvalidApp", reject+why.Error()+"."
	case RefusedNoInstance:
		code, said = "NetConnection.Connect.Rejected", fmt.Sprintf(
			reject+"(_defaultRoot_, _defaultVHost_) : Instance (%s) of application (%s) is not served here.", to.Instance, to.Application)
	case RefusedBadInstance:
		code, said = "NetConnection.Connect.Rejected", fmt.Sprintf(
			reject+"(_defaultRoot_, _defaultVHost_) : Instance (%s) of application (%s) cannot start: %s.", Printable(to.Instance), to.Application, why.Error())
	case RefusedLimit:
		said, counted = resourceLimit+why.Error()+".", "instance is full"
	case RefusedOrigin:
		code, said = "NetConnection.Connect.Rejected", reject+why.Error()+"."
	case RefusedByScript:
		return s.rejection(why), counted
	case RefusedStopping:
		code = "NetConnection.Connect.AppShutdown"
		if why.Reason == "" {
			said = "The instance is stopping."
		}
	}
	return amf.NewObject("level", "error", "code", code, "description", said), counted
}

// rejection is what the application's script has against a client: a reason object of the
// script's own, or where else to go.
func (s *Session) rejection(why *Refusal) *amf.Object {
	description := why.Reason
	if description == "" {
		description = "Connection failed."
	}
	info := amf.NewObject("level", "error", "code", "NetConnection.Connect.Rejected", "description", description)
	if why.Redirect != "" {
		// Some clients look at the second one, which they do not resolve themselves.
		info.Set("ex", amf.NewObject("code", 302, "redirect", why.Redirect, "redirect2", why.Redirect))
	}
	if why.Application != nil {
		info.Set("application", why.Application)
		if _, err := rtmp.EncodeValues(false, maxInvocation, info); err != nil {
			s.log.Warn("what the script has to say to a client that it rejects cannot be sent", "err", err)
			info.Properties = info.Properties[:len(info.Properties)-1]
		}
	}
	return info
}

// refuse answers connect with _error and the reason, tells the client to
// close, and ends the connection.
func (s *Session) refuse(cmd *rtmp.Command, code, description, counted string) error {
	return s.refuseWith(cmd, amf.NewObject("level", "error", "code", code, "description", description), counted)
}

// reasonOf is what a log says of a refusal: what a script gave as its reason, else the
// description.
func reasonOf(info *amf.Object) string {
	if reason := rtmp.RejectionReason(info); reason != "" {
		return Printable(reason)
	}
	return property(info, "description", "")
}

// wordsOf is what a client that is refused is told for people: as reasonOf, as it is.
func wordsOf(info *amf.Object) string {
	if reason := rtmp.RejectionReason(info); reason != "" {
		return reason
	}
	return property(info, "description", "")
}

// kindOf is what kind of refusal an information object is about.
func kindOf(info *amf.Object) error {
	switch code, said := property(info, "code", ""), property(info, "description", ""); {
	case code == "NetConnection.Connect.AppShutdown":
		return rtmp.ErrGoingAway
	case strings.HasPrefix(said, resourceLimit):
		return rtmp.ErrFull
	}
	return rtmp.ErrRefused
}

// refuseWith is refuse with an information object.
func (s *Session) refuseWith(cmd *rtmp.Command, info *amf.Object, counted string) error {
	defer s.dismiss(lingerFor, kindOf(info), wordsOf(info))
	s.cfg.Refused(counted)
	args, _ := cmd.Object.(*amf.Object)
	if args == nil {
		args = &amf.Object{}
	}
	s.log.Warn("connect refused", "app", Printable(property(args, "app", "")),
		"code", property(info, "code", ""), "reason", reasonOf(info))
	err := s.conn.Send(
		rtmp.WindowAckSize(windowAckSize),
		rtmp.SetPeerBandwidth(windowAckSize, peerLimit),
		rtmp.SetChunkSize(rtmp.ChunkSize),
	)
	if err != nil {
		return err
	}
	if err := s.conn.SendCommand(0, "_error", cmd.Transaction, nil, info); err != nil {
		return err
	}
	return s.conn.SendCommand(0, "close", 0, nil)
}
