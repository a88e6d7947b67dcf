package session

import (
	"errors"
	"fmt"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

const (
	// What Flash Communication Server's successors call themselves; clients
	// look at the number before the first comma.
	fmsVersion     = "FMS/3,5,7,7009"
	fmsDataVersion = "3,5,7,7009"
	// capabilities as SRS and FMS 3.5 send them.
	fmsCapabilities = 127

	windowAckSize = 2500000 // bytes; FMS's own figure
	peerLimit     = 2       // dynamic

	// maxInstanceID bounds what a client says it is.
	maxInstanceID = 64

	// What of Enhanced RTMP there is: payloads go through as they are.
	capsEx = rtmp.CapsReconnect | rtmp.CapsMultitrack | rtmp.CapsModEx | rtmp.CapsTimestampNanoOffset
)

// connect answers the first command of every client: PROTOCOL.md §1 for the
// order, [SPEC §7.2.1.1] for the fields.
func (s *Session) connect(cmd *rtmp.Command) error {
	if s.inst != nil {
		return s.failCall(cmd, "This connection is connected already.")
	}
	args, ok := cmd.Object.(*amf.Object)
	if !ok {
		return s.refuse(cmd, "NetConnection.Connect.Failed", "connect needs a command object with app and tcUrl.", "bad connect")
	}
	to, err := parseApp(property(args, "app", ""))
	if err != nil {
		return s.refuse(cmd, "NetConnection.Connect.InvalidApp", err.Error(), "bad application name")
	}
	s.client.Agent = Printable(property(args, "flashVer", ""))
	s.client.Server = front(property(args, rtmp.InstanceID, ""), maxInstanceID)
	request := s.connectRequest(cmd, args, to)
	answer, err := s.enter(request)
	switch {
	case errors.Is(err, errPending):
		return s.refuse(cmd, "NetConnection.Connect.Failed", fmt.Sprintf(
			"The instance has not answered for %v.", s.cfg.ConnectPending), string(RefusedNoAnswer))
	case err != nil:
		return nil // the client has gone
	case answer.Refusal != nil:
		return s.refused(cmd, to, answer.Refusal)
	}
	s.letIn(answer)
	s.query, s.amf3, s.to = request.Query, request.AMF3, to
	return s.welcome(cmd, args, to, answer.ID)
}

// enter asks for the instance and, where that has to think about it, whether it lets
// the client in.
func (s *Session) enter(r ConnectRequest) (ConnectAnswer, error) {
	answer, err := askFor(s, s.cfg.ConnectPending, func(answer func(ConnectAnswer)) { s.dir.Connect(r, s, answer) }, func(late ConnectAnswer) {
		if late.Instance != nil {
			late.Instance.Leave(s.client)
		}
	})
	if err != nil || answer.Refusal != nil || !answer.Pending {
		return answer, err
	}
	inst := answer.Instance
	answer.Refusal, err = ask(s, func(decided func(*Refusal)) { inst.Admit(s.client, decided) }, func(*Refusal) {})
	if err != nil || answer.Refusal != nil {
		inst.Leave(s.client)
	}
	return answer, err
}

// letIn notes that an instance has let the client in.
func (s *Session) letIn(answer ConnectAnswer) {
	s.inst, s.scripted = answer.Instance, answer.Scripted
	s.maxMessage = defaultMessage
	if answer.MaxMessageSize > 0 {
		s.maxMessage = answer.MaxMessageSize
	}
	s.largest.Store(int64(s.maxMessage))
	s.stand()
}

// welcome tells a client that it was let in, by the instance of an id.
func (s *Session) welcome(cmd *rtmp.Command, args *amf.Object, to target, instance string) error {
	s.log = s.log.With("application", to.Application, "instance", to.Instance)
	said := []any{"agent", s.client.Agent}
	peer, enhanced := rtmp.ParseEnhanced(args)
	s.takes = takesOf(peer, enhanced)
	if enhanced {
		said = append(said, "codecs", peer.Codecs, "capsEx", peer.Caps)
		s.reconnects.Store(peer.Caps&rtmp.CapsReconnect != 0)
	}
	s.log.Info("connected", said...)

	encoding := 0 // no other than there is, whatever came
	if s.amf3 {
		encoding = 3
	}
	props := amf.NewObject("fmsVer", fmsVersion, "capabilities", fmsCapabilities, "mode", 1)
	if enhanced {
		// Only for a client that speaks of it: one of Adobe's time gets what it
		// knows.
		rtmp.SetEnhanced(props, capsEx)
	}
	if s.client.Server != "" {
		props.Set(rtmp.InstanceID, instance)
	}
	info := amf.NewObject(
		"level", "status",
		"code", "NetConnection.Connect.Success",
		"description", "Connection succeeded.",
		"objectEncoding", encoding,
		"clientid", s.client.ID,
		"data", amf.NewECMAArray("version", fmsDataVersion),
	)
	if err := s.greet(); err != nil {
		return err
	}
	if err := s.conn.SendCommand(0, "_result", cmd.Transaction, props, info); err != nil {
		return err
	}
	// Many players start only once they were told that bandwidth detection
	// is over.
	err := s.conn.SendCommand(0, "onBWDone", 0, nil)
	s.early.tell()
	s.connected.Store(true) // from here on it may be told to go, behind what was said before
	return err
}

// greet sends what comes before the answer to connect. The chunk size goes
// before anything longer than the 128 bytes that a chunk has until then.
func (s *Session) greet() error {
	return s.conn.Send(
		rtmp.WindowAckSize(windowAckSize),
		rtmp.SetPeerBandwidth(windowAckSize, peerLimit),
		rtmp.UserControl(rtmp.EventStreamBegin, 0),
		rtmp.SetChunkSize(rtmp.ChunkSize),
	)
}
