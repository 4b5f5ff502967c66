//! QUOTA (RFC 9208): one quota root, without a name, for all folders of an account.

use imap_proto::MailboxName;
use imap_proto::response::{Data, Quota, QuotaRoot, ResourceUsage};

use crate::store::{Folders, Limited, StoreError};

/// What is limited in the quota root; `None` if there is no such root.
pub(super) async fn quota(folders: &dyn Folders, root: &[u8]) -> Result<Option<Data>, StoreError> {
    match folders.quota().await? {
        Some(quota) if root == ROOT => Ok(Some(told(quota))),
        _ => Ok(None),
    }
}

/// The quota root of a folder, if there is one, and what is limited in it.
pub(super) async fn roots(
    folders: &dyn Folders,
    mailbox: MailboxName,
) -> Result<Vec<Data>, StoreError> {
    folders.open(&mailbox).await?;
    let quota = folders.quota().await?;
    let roots = quota.map(|_| ROOT.into()).into_iter().collect();
    let root = Data::QuotaRoot(Box::new(QuotaRoot::new(mailbox, roots)));
    Ok([root].into_iter().chain(quota.map(told)).collect())
}

fn told(quota: crate::store::Quota) -> Data {
    let usage = |name: &str, unit: u64, limited: Option<Limited>| {
        let Limited { used, limit } = limited?;
        let name = name.parse().expect("an atom");
        Some(ResourceUsage::new(name, used.div_ceil(unit), limit / unit))
    };
    let usages = [
        usage("STORAGE", STORAGE_UNIT, quota.octets),
        usage("MESSAGE", 1, quota.messages),
    ];
    let usages = usages.into_iter().flatten().collect();
    Data::Quota(Box::new(Quota::new(ROOT, usages)))
}

/// The name of the quota root.
const ROOT: &[u8] = b"";

/// Octets (RFC 9208 section 5.1).
const STORAGE_UNIT: u64 = 1024;
