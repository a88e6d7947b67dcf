package script

// For the gateways of tests.
type (
	Envelope       = envelope
	EnvelopeHeader = envelopeHeader
	EnvelopeBody   = envelopeBody
)

var (
	ReadEnvelope   = readEnvelope
	AppendEnvelope = appendEnvelope
)
