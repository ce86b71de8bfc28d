package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func healthCommand() *cobra.Command {
	var target, ca string
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Check whether a running conductor is ready: exit 0 if so, 1 if not",
		Long:  "Check whether a running conductor is ready: exit 0 if so, 1 if not. Made for container health checks, in images without a shell.",
		Example: `  conductor health
  conductor health --url https://conductor.example:4321 --ca ca.pem`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkURL("--url", target); err != nil {
				return err
			}
			client, err := healthClient(ca)
			if err != nil {
				return err
			}
			defer client.CloseIdleConnections()
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			if err := healthy(ctx, client, target); err != nil {
				return failed(err)
			}
			fmt.Fprintln(cmd.OutOrStdout(), "ready")
			return nil
		},
	}
	cmd.Flags().StringVar(&target, "url", "http://127.0.0.1:4321", "`URL` of the conductor")
	cmd.Flags().StringVar(&ca, "ca", "", "`file` with the CA (PEM) to trust, for https")
	cmd.SetFlagErrorFunc(flagError)
	return cmd
}

func healthClient(ca string) (*http.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.Proxy = nil // a health check stays on this machine
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("--ca: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("--ca %s: no certificate in PEM form", ca)
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
	}
	return &http.Client{Transport: transport}, nil
}

func healthy(ctx context.Context, client *http.Client, target string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(target, "/")+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("not healthy: cannot reach the conductor: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusOK {
		return nil
	}
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10)) // the status is enough if this fails
	return errors.New("not healthy: " + response.Status + ": " + strings.TrimSpace(string(text)))
}
