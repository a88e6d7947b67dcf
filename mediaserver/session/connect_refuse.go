package session

import (
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// refused tells a client why the instance has not let it in.
func (s *Session) refused(cmd *rtmp.Command, to target, why *Refusal) error {
	const reject = "[ Server.Reject ] : "
	switch why.Code {
	case RefusedNoApplication:
		return s.refuse(cmd, "NetConnection.Connect.InvalidApp", fmt.Sprintf(
			reject+"(_defaultRoot_, _defaultVHost_) : Application (%s) is not defined.", to.Application), string(why.Code))
	case RefusedNoHost:
		return s.refuse(cmd, "NetConnection.Connect.InvalidApp", reject+why.Error()+".", string(why.Code))
	case RefusedNoInstance:
		return s.refuse(cmd, "NetConnection.Connect.Rejected", fmt.Sprintf(
			reject+"(_defaultRoot_, _defaultVHost_) : Instance (%s) of application (%s) is not served here.", to.Instance, to.Application), string(why.Code))
	case RefusedBadInstance:
		return s.refuse(cmd, "NetConnection.Connect.Rejected", fmt.Sprintf(
			reject+"(_defaultRoot_, _defaultVHost_) : Instance (%s) of application (%s) cannot start: %s.", Printable(to.Instance), to.Application, why.Error()), string(why.Code))
	case RefusedLimit:
		return s.refuse(cmd, "NetConnection.Connect.Failed", reject+"Resource limit violation: "+why.Error()+".", "instance is full")
	case RefusedOrigin:
		return s.refuse(cmd, "NetConnection.Connect.Rejected", reject+why.Error()+".", string(why.Code))
	case RefusedByScript:
		return s.rejected(cmd, why)
	case RefusedStopping:
		return s.refuse(cmd, "NetConnection.Connect.AppShutdown", "The instance is stopping.", string(why.Code))
	}
	return s.refuse(cmd, "NetConnection.Connect.Failed", why.Error()+".", string(why.Code))
}

// rejected tells a client what the application's script has against it: a reason
// object of the script's own, or where else to go.
func (s *Session) rejected(cmd *rtmp.Command, why *Refusal) error {
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
	return s.refuseWith(cmd, info, string(why.Code))
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

// refuseWith is refuse with an information object.
func (s *Session) refuseWith(cmd *rtmp.Command, info *amf.Object, counted string) error {
	defer s.dismiss(lingerFor)
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
