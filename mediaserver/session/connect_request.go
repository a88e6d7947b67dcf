package session

import (
	"net/url"

	"flashpod.dev/flashpod/mediaserver/amf"
	"flashpod.dev/flashpod/mediaserver/rtmp"
)

// maxConnectText bounds each text that an instance keeps of connect, in bytes: URLs
// carry tokens of a kilobyte or two.
const maxConnectText = 4 << 10

// connectRequest is what connect says, in the words of an instance.
func (s *Session) connectRequest(cmd *rtmp.Command, args *amf.Object, to target) ConnectRequest {
	said := func(name string) string { return front(property(args, name, ""), maxConnectText) }
	r := ConnectRequest{
		Client: s.client, Application: to.Application, Instance: to.Instance,
		URI: said("tcUrl"), Referrer: said("swfUrl"), PageURL: said("pageUrl"),
		Query: to.query, Secure: s.conn.Secure(), ServerName: s.cfg.ServerName, Origin: s.cfg.Origin, Args: cmd.Args,
	}
	r.Far, r.Gone = to.far, s.there.Done()
	// In the explicit form, what is behind the question mark is a URL, whose own query counts.
	if u, err := url.Parse(property(args, "tcUrl", "")); err == nil && r.Far == "" {
		for k, v := range u.Query() {
			if r.Query == nil {
				r.Query = url.Values{}
			}
			r.Query[k] = append(r.Query[k], v...)
		}
	}
	v, _ := args.Get("objectEncoding")
	r.AMF3 = v == 3.0 || v == int32(3)
	return r
}
