"""Draft."""
from dataclasses import dataclass
import numpy as np
import numpy.typing as npt

@dataclass
class Suspicion:
    errors: npt.NDArray[np.float32]
    looks_like: npt.NDArray[np.int64]
    _f: npt.NDArray[np.float32]
    _l: npt.NDArray[np.int64]
    _c: int
    def of(self, f: npt.NDArray[np.float32], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        if not len(f): return np.zeros(0,np.float32)
        return _score(_n(f)@self._f.T, labels, self._l, self._c)[0]

def _n(f: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return f/np.maximum(np.linalg.norm(f,axis=1,keepdims=True),1e-9)

def _score(s: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], ref: npt.NDArray[np.int64], c: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    m=np.full((len(s),c),-1.0,np.float32)
    for k in range(c):
        own=s[:,ref==k]
        if own.shape[1]: m[:,k]=-np.sort(-own,axis=1)[:,:4].mean(1)
    o=m[np.arange(len(s)),labels]; best=m.argmax(1)
    e=1-o+np.maximum(0,m.max(1)-o)
    return e.astype(np.float32), np.where(best==labels,-1,best)

def suspicion(features: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], classes: int) -> Suspicion:
    f=_n(features); s=f@f.T; np.fill_diagonal(s,-1)
    e,l=_score(s,labels,labels,classes)
    return Suspicion(e,l,f,labels,classes)
