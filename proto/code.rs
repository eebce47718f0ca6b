use tonic::Code as Grpc;

/// One list of the codes; the enum and its total maps follow from it.
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident, $word:literal, $grpc:ident, $http:literal, $title:literal;)*) => {
        /// Why a call was not served: the closed set of stable words that both doors tell.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $variant,)* }

        impl Code {
            /// Every code, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The stable word: `code` of a problem document, in lower case.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }

            /// The status of a gRPC answer.
            pub const fn grpc(self) -> Grpc {
                match self { $(Self::$variant => Grpc::$grpc),* }
            }

            /// The status of an HTTP answer.
            pub const fn http(self) -> u16 {
                match self { $(Self::$variant => $http),* }
            }

            /// A short sentence for people, the same for every occurrence (RFC 9457, `title`).
            pub const fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),* }
            }
        }
    };
}

codes! {
    /// The body is not JSON, or not JSON that can be kept exactly.
    MalformedJson, "malformed_json", InvalidArgument, 400, "The body is not well-formed JSON";
    /// The body is JSON of another shape; the violations point into it.
    InvalidBody, "invalid_body", InvalidArgument, 400, "The body does not have the expected shape";
    /// A path segment, a query parameter or a header is not of its form.
    InvalidArgument, "invalid_argument", InvalidArgument, 400, "An argument is not of its form";
    /// The page token is none of ours, or of another query.
    InvalidPageToken, "invalid_page_token", InvalidArgument, 400, "The page token does not belong to this query";
    /// The patch is not a patch, or would break the bounds of `data`.
    InvalidPatch, "invalid_patch", InvalidArgument, 400, "The patch is not well-formed";
    /// A filter or an order that would have to read the whole collection: the detail names the index that would help.
    NotIndexed, "not_indexed", FailedPrecondition, 400, "An index is missing";
    /// The request asks for something this version does not do.
    Unsupported, "unsupported", InvalidArgument, 400, "This is not supported";
    /// Nobody is signed in, or the token of the inside door is wrong.
    Unauthenticated, "unauthenticated", Unauthenticated, 401, "Sign in first";
    /// No account signs in by this name and this password.
    InvalidCredentials, "invalid_credentials", Unauthenticated, 401, "The name or the password is wrong";
    /// The caller may not do this.
    Forbidden, "forbidden", PermissionDenied, 403, "This is not allowed";
    /// There is nothing at this path.
    RouteNotFound, "route_not_found", NotFound, 404, "There is nothing at this path";
    /// There is no such collection.
    CollectionNotFound, "collection_not_found", NotFound, 404, "There is no such collection";
    /// There is no such record.
    RecordNotFound, "record_not_found", NotFound, 404, "There is no such record";
    /// There is no such account.
    AccountNotFound, "account_not_found", NotFound, 404, "There is no such account";
    /// There is no such session, or it is over.
    SessionNotFound, "session_not_found", NotFound, 404, "There is no such session";
    /// The path exists, the method does not.
    MethodNotAllowed, "method_not_allowed", Unimplemented, 405, "The method is not allowed here";
    /// The client was too slow to send its request.
    RequestTimeout, "request_timeout", Cancelled, 408, "The request took too long to arrive";
    /// A record with this id exists.
    RecordExists, "record_exists", AlreadyExists, 409, "A record with this id exists";
    /// An account has this name.
    AccountExists, "account_exists", AlreadyExists, 409, "An account has this name";
    /// The collection still holds records.
    CollectionNotEmpty, "collection_not_empty", FailedPrecondition, 409, "The collection still holds records";
    /// The patch is well-formed and does not fit the record.
    PatchConflict, "patch_conflict", FailedPrecondition, 409, "The patch does not fit the record";
    /// The record is not the one that the caller judged.
    Overtaken, "overtaken", Aborted, 409, "The record changed while the request was judged";
    /// It cannot be told whether the write of this idempotency key was made.
    OutcomeUnknown, "outcome_unknown", Aborted, 409, "It cannot be told whether the write was made";
    /// The write of this idempotency key was made, and the record is deleted since.
    RecordDeleted, "record_deleted", NotFound, 410, "The record is deleted since";
    /// The stored version is not the one the request names.
    PreconditionFailed, "precondition_failed", Aborted, 412, "The record is not in the state that the request demands";
    /// The body, or the data in it, is too large.
    PayloadTooLarge, "payload_too_large", OutOfRange, 413, "The body is too large";
    /// The body is of another type than this call takes.
    UnsupportedMediaType, "unsupported_media_type", InvalidArgument, 415, "The body is of a type that is not taken here";
    /// The data does not satisfy the collection's schema.
    SchemaViolation, "schema_violation", InvalidArgument, 422, "The data does not satisfy the collection's schema";
    /// The idempotency key was used for another request.
    KeyReused, "key_reused", AlreadyExists, 422, "The idempotency key was used for another request";
    /// The definition holds something that cannot be in force.
    InvalidDefinition, "invalid_definition", InvalidArgument, 422, "The definition cannot be put in force";
    /// The caller asks too often.
    RateLimited, "rate_limited", ResourceExhausted, 429, "Too many requests";
    /// The request head is too large.
    HeadTooLarge, "head_too_large", OutOfRange, 431, "The request head is too large";
    /// A fault of ours; the log has its cause.
    Internal, "internal", Internal, 500, "Something went wrong on our side";
    /// More work is under way than can be served in time.
    Overloaded, "overloaded", ResourceExhausted, 503, "More work is under way than can be served in time";
    /// The store does not answer, or not enough of it does.
    Unavailable, "unavailable", Unavailable, 503, "The store does not answer";
    /// The time for this call ran out.
    DeadlineExceeded, "deadline_exceeded", DeadlineExceeded, 503, "The time for this call ran out";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_tells_every_code_with_its_statuses() {
        let page = include_str!("../docs/API.md");
        for code in Code::ALL {
            let row =
                format!("| `{}` | {} | `{:?}`", code.word(), code.http(), code.grpc()).replace('_', "").to_lowercase();
            let row = page.lines().find(|line| line.replace('_', "").to_lowercase().starts_with(&row));
            assert!(row.is_some(), "docs/API.md does not tell of {}", code.word());
        }
    }
}
