package link

import (
	"errors"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
	"flashpod.dev/flashpod/mediaserver/session"
	"flashpod.dev/flashpod/mediaserver/stream"
)

// What follows makes records of package session's words, and the other way round. Values
// of a client's are small by then: a session has bounded them.

// FromClient is a client on the wire.
func FromClient(c session.Client) Client {
	return Client{ID: c.ID, Address: c.Address, Agent: c.Agent, Server: c.Server}
}

// Session is the client of an edge as an origin has it.
func (c Client) Session() session.Client {
	return session.Client{ID: c.ID, Address: c.Address, Agent: c.Agent, Server: c.Server}
}

// FromConnect is a connect on the wire.
func FromConnect(r *session.ConnectRequest) (ConnectBody, error) {
	args, err := amf.AppendAll(nil, r.Args...)
	return ConnectBody{
		Client: FromClient(r.Client), Application: r.Application, Instance: r.Instance, URI: r.URI, Referrer: r.Referrer,
		PageURL: r.PageURL, Query: r.Query, Secure: r.Secure, Origin: r.Origin, AMF3: r.AMF3, Args: args, Via: r.Via, Again: r.Again,
	}, err
}

// Session is a connect as an origin's instance has it.
func (b *ConnectBody) Session() (session.ConnectRequest, error) {
	args, err := amf.DecodeAll(b.Args)
	return session.ConnectRequest{
		Client: b.Client.Session(), Application: b.Application, Instance: b.Instance, URI: b.URI, Referrer: b.Referrer,
		PageURL: b.PageURL, Query: b.Query, Secure: b.Secure, Origin: b.Origin, AMF3: b.AMF3, Args: args, Via: b.Via, Again: b.Again,
	}, err
}

// FromRefusal is a refusal on the wire; nil of nil.
func FromRefusal(r *session.Refusal) *Refusal {
	if r == nil {
		return nil
	}
	out := &Refusal{Code: string(r.Code), Reason: r.Reason, Limit: r.Limit, RetryAfter: r.RetryAfter, Redirect: r.Redirect}
	if r.Cause != nil {
		out.Cause = r.Cause.Error()
	}
	if r.Application != nil {
		out.Application, _ = amf.AppendAll(nil, r.Application) // what a script gives can be said
	}
	return out
}

// Session is a refusal as a session has it; nil of nil.
func (r *Refusal) Session() *session.Refusal {
	if r == nil {
		return nil
	}
	out := &session.Refusal{Code: session.RefusalCode(r.Code), Reason: r.Reason, Limit: r.Limit, RetryAfter: r.RetryAfter, Redirect: r.Redirect}
	if r.Cause != "" {
		out.Cause = errors.New(r.Cause)
	}
	if values, err := amf.DecodeAll(r.Application); err == nil && len(values) == 1 {
		out.Application = values[0]
	}
	return out
}

// FromCall is a call on the wire.
func FromCall(r *session.CallRequest) (CallBody, error) {
	args, err := amf.AppendAll(nil, r.Args...)
	return CallBody{Method: r.Method, Args: args, Size: r.Size, AMF3: r.AMF3}, err
}

// Session is a call of a client's as an origin's instance has it.
func (b *CallBody) Session(c session.Client) (session.CallRequest, error) {
	args, err := amf.DecodeAll(b.Args)
	return session.CallRequest{Client: c, Method: b.Method, Args: args, Size: b.Size, AMF3: b.AMF3}, err
}

// FromCallAnswer is an answer to a call on the wire.
func FromCallAnswer(a *session.CallAnswer) CallAnswer {
	return CallAnswer{Result: a.Result.Bytes, AMF3: a.Result.AMF3, Missing: a.Missing, Failed: a.Failed}
}

// Session is an answer to a call as a session has it.
func (a *CallAnswer) Session() session.CallAnswer {
	return session.CallAnswer{Result: rtmp.Values{Bytes: a.Result, AMF3: a.AMF3}, Missing: a.Missing, Failed: a.Failed}
}

// FromPublish is a request to publish on the wire, but for what is to happen later.
func FromPublish(r *session.PublishRequest) PublishBody {
	return PublishBody{Name: r.Name, Query: r.Query, Mode: string(r.Mode), Key: r.Credentials.Key, Again: r.Again}
}

// Session is a request to publish as an origin's instance has it.
func (b *PublishBody) Session(c session.Client) session.PublishRequest {
	return session.PublishRequest{
		Client: c, Name: b.Name, Query: b.Query, Mode: session.PublishMode(b.Mode), Credentials: session.Credentials{Key: b.Key}, Again: b.Again,
	}
}

// FromPlay is a request to play on the wire.
func FromPlay(r *session.PlayRequest) PlayBody {
	return PlayBody{Name: r.Name, From: int(r.From), MustExist: r.MustExist, Waits: r.NobodyCame != nil, Key: r.Credentials.Key}
}

// Session is a request to play as an origin's instance has it.
func (b *PlayBody) Session(c session.Client, nobodyCame func()) session.PlayRequest {
	r := session.PlayRequest{Client: c, Name: b.Name, From: session.From(b.From), MustExist: b.MustExist, Credentials: session.Credentials{Key: b.Key}}
	if b.Waits {
		r.NobodyCame = nobodyCame
	}
	return r
}

// FromInvocation is a call of a client's method on the wire.
func FromInvocation(v *session.Invocation) InvokeBody {
	return InvokeBody{Method: v.Method, Args: v.Args.Bytes, AMF3: v.Args.AMF3}
}

// Session is a call of a client's method as a session has it.
func (b *InvokeBody) Session() session.Invocation {
	return session.NewInvocation(b.Method, rtmp.Values{Bytes: b.Args, AMF3: b.AMF3})
}

// FromAnswer is a client's answer on the wire.
func FromAnswer(a *session.Answer) (AnsweredBody, error) {
	b, err := amf.AppendAll(nil, a.Value)
	return AnsweredBody{Value: b, Error: a.Error}, err
}

// Session is a client's answer as an origin's instance has it.
func (b *AnsweredBody) Session() (session.Answer, error) {
	values, err := amf.DecodeAll(b.Value)
	if err != nil || len(values) != 1 {
		return session.Answer{}, errors.Join(ErrFrame, err)
	}
	return session.Answer{Value: values[0], Error: b.Error}, nil
}

// FromTraffic is what has gone over a client's connection, on the wire.
func FromTraffic(client uint64, t session.Traffic) TrafficBody {
	return TrafficBody{
		Client: client, In: t.In, Out: t.Out, MessagesIn: t.MessagesIn, MessagesOut: t.MessagesOut, RoundTrip: t.RoundTrip,
		Dropped: Tally(t.Dropped), Waiting: Tally(t.Waiting), Objects: t.WaitingObjects,
	}
}

// Session is it as an origin's instance has it.
func (b *TrafficBody) Session() session.Traffic {
	return session.Traffic{
		In: b.In, Out: b.Out, MessagesIn: b.MessagesIn, MessagesOut: b.MessagesOut, RoundTrip: b.RoundTrip,
		Dropped: rtmp.Tally(b.Dropped), Waiting: rtmp.Tally(b.Waiting), WaitingObjects: b.Objects,
	}
}

// FromStored is what new players of a stream get first, on the wire.
func FromStored(all []stream.Stored) (out []Stored) {
	for _, one := range all {
		out = append(out, Stored{Handler: one.Handler, Payload: one.Payload})
	}
	return out
}

// Stream is it as a stream has it.
func (b *StateBody) Stream() (out []stream.Stored) {
	for _, one := range b.Stored {
		out = append(out, stream.Stored{Handler: one.Handler, Payload: one.Payload})
	}
	return out
}
