package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"
)

func newCheckCert() *cobra.Command {
	var tries tries
	cmd := &cobra.Command{
		Use:   "cert HOST[:PORT]",
		Short: "Check that a TLS server's certificate is within its validity window",
		Long: "Check that a TLS server's certificate is within its validity window, and show who issued it for whom.\n" +
			"The port is 443 unless given. Name and chain are not verified, so that the certificates of a private\n" +
			"authority can be watched too; to verify them, use: podcli check http https://HOST",
		Example: "  podcli check cert podinfo.example.com\n" +
			"  podcli check cert localhost:9899",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			address, err := hostPort(args[0], "443")
			if err != nil {
				return err
			}
			return tries.run(cmd, address, func(ctx context.Context) ([]slog.Attr, error) {
				return probeCert(ctx, address)
			})
		},
	}
	tries.addFlags(cmd.Flags())
	return cmd
}

func probeCert(ctx context.Context, address string) ([]slog.Attr, error) {
	// Verification would end the handshake with a certificate that is expired or unknown to this machine, before we
	// could say what is wrong with it. Nothing is sent over this connection.
	dialer := tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}} //nolint:gosec // see above
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	// A client's handshake fails when the server presents no certificate, so there is a first one.
	leaf := conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
	saw := []slog.Attr{
		slog.String("issuer", leaf.Issuer.String()),
		slog.String("subject", leaf.Subject.String()),
		slog.String("notAfter", leaf.NotAfter.UTC().Format(time.RFC3339)),
		slog.String("notBefore", leaf.NotBefore.UTC().Format(time.RFC3339)),
	}
	return saw, checkValidity(leaf, time.Now())
}

// checkValidity says why the certificate is not valid at now, by RFC 5280 §4.1.2.5, where both ends are included.
func checkValidity(cert *x509.Certificate, now time.Time) error {
	if now.Before(cert.NotBefore) {
		return fmt.Errorf("the certificate is not valid for another %s", cert.NotBefore.Sub(now).Round(time.Second))
	}
	if now.After(cert.NotAfter) {
		return fmt.Errorf("the certificate expired %s ago", now.Sub(cert.NotAfter).Round(time.Second))
	}
	return nil
}
