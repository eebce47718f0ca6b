use skep_proto::{
    Code, Error,
    v1::{self, patch_record_request::Patch as Asked, record_service_server::RecordService, *},
};
use tonic::{Request, Response, Status, async_trait};

use super::{
    Engine,
    attempts::counted,
    convert::{self, parent},
    observe::observed,
};
use crate::records::{Naming, Patch, Query};

type Answer<T> = Result<Response<T>, Status>;

/// How a request names its write.
macro_rules! naming {
    ($request:expr) => {
        Naming {
            caller: &$request.caller,
            mutation_id: &$request.mutation_id,
            attempt: $request.attempt,
            idempotency_key: &$request.idempotency_key,
        }
    };
}

#[async_trait]
impl RecordService for Engine {
    async fn get_record(&self, request: Request<GetRecordRequest>) -> Answer<GetRecordResponse> {
        let work = async |asked: GetRecordRequest| {
            let record = self.records.get(&asked.name).await?;
            Ok(GetRecordResponse { record: Some(convert::record(parent(&asked.name), record)) })
        };
        observed("GetRecord", request, work).await
    }

    async fn list_records(&self, request: Request<ListRecordsRequest>) -> Answer<ListRecordsResponse> {
        let work = async |asked: ListRecordsRequest| {
            let query = Query {
                page_size: asked.page_size,
                page_token: &asked.page_token,
                filter: &asked.filter,
                order_by: &asked.order_by,
                owner: &asked.owner,
                fields: &asked.read_mask,
                count: asked.count,
                explain: asked.explain,
                always_token: asked.always_token,
            };
            let listed = self.records.list(&asked.parent, &query).await?;
            let records = listed.records.into_iter().map(|record| convert::record(&asked.parent, record)).collect();
            let (next_page_token, count) = (listed.next_page_token, listed.count.map(convert::count));
            Ok(ListRecordsResponse { records, next_page_token, count, plan: listed.plan })
        };
        observed("ListRecords", request, work).await
    }

    async fn create_record(&self, request: Request<CreateRecordRequest>) -> Answer<CreateRecordResponse> {
        observed("CreateRecord", counted(request), |asked| self.create(asked)).await
    }

    async fn update_record(&self, request: Request<UpdateRecordRequest>) -> Answer<UpdateRecordResponse> {
        observed("UpdateRecord", counted(request), |asked| self.update(asked)).await
    }

    async fn patch_record(&self, request: Request<PatchRecordRequest>) -> Answer<PatchRecordResponse> {
        observed("PatchRecord", counted(request), |asked| self.patch(asked)).await
    }

    async fn delete_record(&self, request: Request<DeleteRecordRequest>) -> Answer<DeleteRecordResponse> {
        observed("DeleteRecord", counted(request), |asked| self.delete(asked)).await
    }

    async fn batch_write_records(
        &self,
        request: Request<BatchWriteRecordsRequest>,
    ) -> Answer<BatchWriteRecordsResponse> {
        observed("BatchWriteRecords", counted(request), |asked| self.batch_write(asked)).await
    }

    async fn claim_idempotency_key(
        &self,
        request: Request<ClaimIdempotencyKeyRequest>,
    ) -> Answer<ClaimIdempotencyKeyResponse> {
        let work = async |asked: ClaimIdempotencyKeyRequest| {
            let ClaimIdempotencyKeyRequest { parent, idempotency_key, fingerprint, caller } = &asked;
            if idempotency_key.is_empty() || fingerprint.is_empty() {
                return Err(Error::new(Code::InvalidArgument, "the key or the fingerprint is missing"));
            }
            self.records.claim(parent, fingerprint, Naming { caller, idempotency_key, ..Naming::default() }).await?;
            Ok(ClaimIdempotencyKeyResponse {})
        };
        observed("ClaimIdempotencyKey", request, work).await
    }
}

impl Engine {
    pub(super) async fn create(&self, asked: CreateRecordRequest) -> Result<CreateRecordResponse, Error> {
        let data = data(asked.record)?.data;
        let record = self.records.create(&asked.parent, &asked.record_id, data, naming!(asked)).await?;
        Ok(CreateRecordResponse { record: Some(convert::record(&asked.parent, record)) })
    }

    pub(super) async fn update(&self, asked: UpdateRecordRequest) -> Result<UpdateRecordResponse, Error> {
        let v1::Record { name, data, etag, .. } = data(asked.record)?;
        let (missing, judged, naming) = (asked.allow_missing, &asked.judged_etag, naming!(asked));
        let (record, created) = self.records.update(&name, data, &etag, missing, judged, naming).await?;
        Ok(UpdateRecordResponse { record: Some(convert::record(parent(&name), record)), created })
    }

    pub(super) async fn patch(&self, asked: PatchRecordRequest) -> Result<PatchRecordResponse, Error> {
        let patch = match asked.patch {
            Some(Asked::MergePatch(text)) => Patch::Merge(text),
            Some(Asked::JsonPatch(text)) => Patch::Json(text),
            None => return Err(Error::new(Code::InvalidBody, "the patch is missing").at("", "is missing")),
        };
        let (etag, judged, naming) = (&asked.etag, &asked.judged_etag, naming!(asked));
        let record = self.records.patch(&asked.name, &patch, etag, judged, asked.validate_only, naming).await?;
        Ok(PatchRecordResponse { record: Some(convert::record(parent(&asked.name), record)) })
    }

    pub(super) async fn delete(&self, asked: DeleteRecordRequest) -> Result<DeleteRecordResponse, Error> {
        self.records.delete(&asked.name, &asked.etag, &asked.judged_etag, naming!(asked)).await?;
        Ok(DeleteRecordResponse {})
    }
}

fn data(record: Option<v1::Record>) -> Result<v1::Record, Error> {
    record.ok_or_else(|| Error::new(Code::InvalidBody, "the record is missing").at("/data", "is missing"))
}
