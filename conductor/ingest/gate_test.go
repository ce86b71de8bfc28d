package ingest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"chordconductor/conductor/live"
	"chordconductor/internal/polltest"
	"chordconductor/internal/redact"
)

// retryInfo returns the pause that a status names; -1 if it names none.
func retryInfo(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.RetryInfo); ok {
			return info.RetryDelay.AsDuration()
		}
	}
	return -1
}

// The error about a token that is missing, wrong or of another form names the flag, and passes the filter of secrets
// whole, as it is in the logs of both ends.
func TestTokenErrors(t *testing.T) {
	g := &gate{token: "0123456789abcdef"}
	for _, given := range [][]string{nil, {""}, {"Bearer "}, {"Bearer wrong"}, {"Basic 0123456789abcdef"}, {"0123456789abcdef"}} {
		err := g.authorize(given)
		if status.Code(err) != codes.Unauthenticated || !strings.Contains(err.Error(), "--otlp-token") || (given == nil) != strings.Contains(err.Error(), "no bearer token") {
			t.Errorf("%q: %v", given, err)
			continue
		}
		if got := new(redact.Redactor).Text(err.Error()); got != err.Error() {
			t.Errorf("%q: in a log: %s", given, got)
		}
	}
	if err := g.authorize([]string{"bearer 0123456789abcdef"}); err != nil {
		t.Error(err)
	}
}

func TestOverloadAsksToTryAgain(t *testing.T) {
	sink := newRecorder()
	s := start(t, Config{}, sink)
	request, _ := oneEvent()
	pb, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	client := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr()))

	sink.setRefuse(live.ErrFull)
	_, err = client.Export(t.Context(), request)
	if pause := retryInfo(err); status.Code(err) != codes.ResourceExhausted || pause <= 0 || pause > time.Second {
		t.Errorf("gRPC: %v with pause %v, want ResourceExhausted with RetryInfo", err, pause)
	}
	code, header, _ := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/x-protobuf", "", pb)
	if _, err := strconv.Atoi(header.Get("Retry-After")); code != http.StatusTooManyRequests || err != nil {
		t.Errorf("HTTP: status %d, Retry-After %q, want 429 and seconds", code, header.Get("Retry-After"))
	}
	sink.setRefuse(live.ErrClosed)
	if _, err = client.Export(t.Context(), request); status.Code(err) != codes.Unavailable {
		t.Errorf("closed: %v, want Unavailable", err)
	}

	sink.setRefuse(nil)
	if _, err = client.Export(t.Context(), request); err != nil {
		t.Errorf("after the overload: %v", err)
	}
	if st := s.Stats(); st.Refused != 2 || st.Events != 1 || len(sink.events) != 1 {
		t.Errorf("stats %+v and %d events, want 2 refused requests and 1 event", st, len(sink.events))
	}
}

func TestMemoryIsShort(t *testing.T) {
	sink := newRecorder()
	s := start(t, Config{MemoryLimit: 1}, sink)
	request, _ := oneEvent()
	_, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr())).Export(t.Context(), request)
	if status.Code(err) != codes.ResourceExhausted || retryInfo(err) <= 0 {
		t.Errorf("%v, want ResourceExhausted with RetryInfo", err)
	}
	if code, _, _ := post(t, "http://"+s.HTTPAddr()+"/v1/traces", "application/json", "", []byte("{}")); code != http.StatusTooManyRequests {
		t.Errorf("HTTP: status %d, want 429", code)
	}
	if s.Stats().InFlight != 0 {
		t.Error("refused requests count as in progress")
	}
}

// Run does not wait forever for a gRPC request that its sender never ends.
func TestRunAbortsSlowRequests(t *testing.T) {
	s, stop := running(t, Config{GRPC: "127.0.0.1:0", Grace: 50 * time.Millisecond}, newRecorder())
	stream, err := dial(t, s.GRPCAddr()).NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true},
		"/opentelemetry.proto.collector.logs.v1.LogsService/Export")
	if err != nil {
		t.Fatal(err)
	}
	polltest.Until(t, "the request is in progress", func() bool { return s.ports[0].slow.watched() == 1 })
	if err := stop(); err != nil {
		t.Error(err)
	}
	if err := stream.RecvMsg(new([]byte)); err == nil {
		t.Error("the request was answered")
	}
}

// A port that fails ends the receiver, whose error names it.
func TestRunEndsWithAFailedPort(t *testing.T) {
	for name, cfg := range map[string]Config{"OTLP/gRPC": {GRPC: "127.0.0.1:0"}, "OTLP/HTTP": {HTTP: "127.0.0.1:0"}} {
		ports, err := Bind(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Ports = ports
		s, err := Open(t.Context(), cfg, newRecorder())
		if err != nil {
			t.Fatal(err)
		}
		if err := ports.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Run(t.Context()); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want one that names %s", err, name)
		}
	}
}

func TestToken(t *testing.T) {
	sink := newRecorder()
	s := start(t, Config{Token: "secret"}, sink)
	request, _ := oneEvent()
	client := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr()))
	for _, header := range []string{"", "Bearer wrong", "secret", "Basic secret", "Bearer secret2"} {
		ctx := t.Context()
		if header != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", header)
		}
		if _, err := client.Export(ctx, request); status.Code(err) != codes.Unauthenticated {
			t.Errorf("%q: %v, want Unauthenticated", header, err)
		}
	}
	if code, _, _ := post(t, "http://"+s.HTTPAddr()+"/v1/logs", "application/json", "", []byte("{}")); code != http.StatusUnauthorized {
		t.Errorf("HTTP: status %d, want 401", code)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer secret")
	if _, err := client.Export(ctx, request); err != nil {
		t.Error(err)
	}
	if st := s.Stats(); st.Rejected != 6 || len(sink.events) != 1 {
		t.Errorf("%d rejected and %d events, want 6 and 1", st.Rejected, len(sink.events))
	}
}

// certificate writes a self-signed certificate and its key, and returns their files and the certificate itself.
func certificate(t *testing.T, name string) (certFile, keyFile string, pair tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+"-key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	if err := os.WriteFile(certFile, certPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(keyFile, keyPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	if pair, err = tls.X509KeyPair(certPEM, keyPEM); err != nil {
		t.Fatal(err)
	}
	return certFile, keyFile, pair
}

func TestMutualTLS(t *testing.T) {
	certFile, keyFile, server := certificate(t, "server")
	clientFile, _, client := certificate(t, "client")
	sink := newRecorder()
	s := start(t, Config{TLS: TLS{CertFile: certFile, KeyFile: keyFile, ClientCAFile: clientFile}}, sink)

	roots := x509.NewCertPool()
	roots.AddCert(server.Leaf)
	request, _ := oneEvent()
	with := func(certificates ...tls.Certificate) error {
		creds := credentials.NewTLS(&tls.Config{RootCAs: roots, Certificates: certificates})
		_, err := plogotlp.NewGRPCClient(dial(t, s.GRPCAddr(), grpc.WithTransportCredentials(creds))).Export(t.Context(), request)
		return err
	}
	if err := with(); status.Code(err) != codes.Unavailable {
		t.Errorf("without a client certificate: %v, want Unavailable", err)
	}
	if err := with(client); err != nil {
		t.Errorf("with a client certificate: %v", err)
	}
	transport := &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{client}},
	}
	resp, err := (&http.Client{Transport: transport}).Post("https://"+s.HTTPAddr()+"/v1/logs", "application/json", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if len(sink.events) != 1 {
		t.Errorf("%d events, want 1", len(sink.events))
	}
}
