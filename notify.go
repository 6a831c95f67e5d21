package duopay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
)

// maxNotification bounds the body of a notification.
const maxNotification = 1 << 20

// NotificationHandler receives a provider's notifications over HTTP. It reads
// the body (at most 1 MiB), lets parser verify it, calls handle with what is
// genuine, and answers the provider's exact acknowledgement only if handle
// returned nil; otherwise the provider delivers again.
//
// handle is called once for each delivery, and deliveries repeat and overlap:
// it must book an order once only, and check the status with [Status.Paid] and
// the amount with [Payment.Match].
// Its context is the request's. The handler is safe for concurrent use if
// handle is.
//
// Of the options it uses [WithLogger]: a delivery that is not acknowledged is
// logged at warn, with the reason.
func NotificationHandler(parser NotificationParser, handle func(context.Context, Notification) error, options ...Option) (http.Handler, error) {
	o, err := NewOptions(options...)
	if err == nil && (parser == nil || handle == nil) {
		err = errors.New("the parser or the function is nil")
	}
	if err != nil {
		return nil, &Error{Op: "NotificationHandler", Kind: Invalid, Err: err}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := receive(w, r, parser, handle)
		if err != nil {
			o.Logger.WarnContext(r.Context(), "notification not acknowledged", slog.Any("error", err))
		}
		answer(w, parser.Acknowledge(err))
	}), nil
}

// receive takes one delivery to the merchant's function.
func receive(w http.ResponseWriter, r *http.Request, parser NotificationParser, handle func(context.Context, Notification) error) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNotification))
	if err != nil {
		return &Error{Op: "notification", Kind: Unsure, Err: fmt.Errorf("%w: %w", ErrMalformed, err)}
	}
	notification, err := parser.ParseNotification(r.Method, r.URL, r.Header, body)
	if err != nil {
		return err
	}
	if err := handle(r.Context(), notification); err != nil {
		return failure{err}
	}
	return nil
}

// failure is an error of the merchant's function, without the errors it wraps:
// they may be about another message, and are no reason not to believe this one.
type failure struct{ error }

// answer writes the acknowledgement, byte for byte.
func answer(w http.ResponseWriter, a Acknowledgement) {
	w.Header().Set("Content-Type", a.ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(a.Status)
	_, _ = io.WriteString(w, a.Body)
}

// AcknowledgementStatus returns the HTTP status that goes with the outcome of
// a delivery, for providers that do not prescribe one: 200 if it was handled,
// 400 if the notification was not believed, 500 if the merchant's function
// failed.
func AcknowledgementStatus(err error) int {
	if err == nil {
		return http.StatusOK
	}
	for _, reason := range []error{ErrMalformed, ErrSignature, ErrStale, ErrUnknownMerchant} {
		if errors.Is(err, reason) {
			return http.StatusBadRequest
		}
	}
	return http.StatusInternalServerError
}
